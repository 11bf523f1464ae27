//! The options of the built-in sandbox.

use super::values::{port_number, wait};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args as ClapArgs};
use keymint_sandbox::{LoginLists, NamedScenario, Step};
use std::time::Duration;

#[derive(Debug, ClapArgs)]
pub(crate) struct SandboxArgs {
    /// Port of the authorization server; the API has the next one [default: free ones]
    #[arg(long, value_name = "PORT", value_parser = port_number)]
    pub(crate) port: Option<u16>,
    /// How many organizations the account has; the first has the default project
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=1000))]
    pub(crate) organizations: u16,
    /// Play a case of the live service, with an account of its own
    #[arg(long, value_name = "NAME", conflicts_with_all = ["organizations", "refuse"])]
    #[arg(value_parser = one_of(NamedScenario::ALL, NamedScenario::name, NamedScenario::summary))]
    pub(crate) scenario: Option<NamedScenario>,
    /// Step at which the scenario's answer comes, each time [default: token]
    #[arg(long, value_name = "STEP", requires = "scenario")]
    #[arg(value_parser = one_of(Step::FLOW, Step::name, Step::summary))]
    pub(crate) at: Option<Step>,
    /// Organizations and projects in the answer to the login [default: absent]
    #[arg(long, value_name = "KIND")]
    #[arg(value_parser = one_of(LoginLists::ALL, LoginLists::name, LoginLists::summary))]
    pub(crate) login_lists: Option<LoginLists>,
    /// The default project appears this long after the login
    #[arg(long, value_name = "TIME", value_parser = wait)]
    pub(crate) ready_after: Option<Duration>,
    /// Each answer comes this late
    #[arg(long, value_name = "TIME", value_parser = wait)]
    pub(crate) latency: Option<Duration>,
    /// How many times as fast the server's time passes, so that keys expire sooner
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) time_factor: u32,
    /// Refuse every sign-in, without showing the page
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) refuse: bool,
}

/// Parses the name of one of these values.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    values: [T; N],
    name: fn(T) -> &'static str,
    summary: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = values.map(|value| PossibleValue::new(name(value)).help(summary(value)));
    PossibleValuesParser::from(names).map(move |given| {
        values.into_iter().find(|value| name(*value) == given).expect("one of the possible values")
    })
}
