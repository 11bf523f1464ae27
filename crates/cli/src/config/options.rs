//! The table of the options of `create` and `run` that have a variable: the kind of each value, and whether the
//! configuration file may set it.

use crate::args::values::{key_scopes, lifetime, plain_text, port_number, switch, wait};
use keymint_delivery_adapter::VariableName;
use keymint_domain::BaseUrl;

/// An option.
pub(crate) struct Definition {
    /// The name of the flag, without its dashes.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The default for display.
    pub(crate) default: Option<&'static str>,
    /// True if the configuration file may set it.
    pub(crate) in_file: bool,
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Switch,
    Text,
    Url,
    Port,
    Time,
    /// The lifetime of a key.
    Lifetime,
    /// Permissions of a key: a list in the configuration file, and separated by commas elsewhere.
    Scopes,
    /// The name of an environment variable.
    Variable,
    /// A file. In the configuration file its path must be absolute, since that file applies in every directory.
    File,
    /// A command line. Only its program is displayed.
    Command,
}

pub(crate) const DEFINITIONS: [Definition; 44] = [
    setting("issuer", Kind::Url, Some("https://auth.openai.com")),
    setting("api-base", Kind::Url, Some("https://api.openai.com")),
    setting("client-id", Kind::Text, Some("app_2SKx67EdpoN0G6j64rFvigXD")),
    setting("audience", Kind::Text, Some("https://api.openai.com/v1")),
    setting("oauth-scope", Kind::Text, Some("openid email profile offline_access")),
    setting("app", Kind::Text, Some("api")),
    setting("callback-port", Kind::Port, Some("5000")),
    setting("ca-file", Kind::File, None),
    setting("name", Kind::Text, Some("keymint USER@HOST YYYY-MM-DD xxxx")),
    setting("expires", Kind::Lifetime, None),
    setting("scope", Kind::Scopes, None),
    setting("read-only", Kind::Switch, Some("false")),
    setting("env-file", Kind::Text, None),
    setting("var", Kind::Variable, Some("OPENAI_API_KEY")),
    setting("keyring", Kind::Switch, Some("false")),
    setting("pipe-to", Kind::Command, None),
    setting("copy", Kind::Switch, Some("false")),
    setting("mask", Kind::Switch, Some("false")),
    setting("organization", Kind::Text, None),
    setting("project", Kind::Text, None),
    setting("choose", Kind::Switch, Some("false")),
    setting("no-shortcut", Kind::Switch, Some("false")),
    setting("verify", Kind::Switch, Some("false")),
    setting("browser", Kind::Command, None),
    setting("no-browser", Kind::Switch, Some("false")),
    setting("no-listen", Kind::Switch, Some("false")),
    setting("no-input", Kind::Switch, Some("false")),
    setting("no-revoke", Kind::Switch, Some("false")),
    setting("quiet", Kind::Switch, Some("false")),
    setting("verbose", Kind::Switch, Some("false")),
    setting("sign-in-timeout", Kind::Time, Some("15m")),
    setting("project-timeout", Kind::Time, Some("60s")),
    setting("http-timeout", Kind::Time, Some("30s")),
    setting("poll-interval", Kind::Time, None),
    for_one_run("json"),
    for_one_run("events"),
    for_one_run("dry-run"),
    for_one_run("force"),
    for_one_run("allow-tracked"),
    for_one_run("new"),
    for_one_run("print"),
    // The option selects the table of the file.
    Definition { name: "profile", kind: Kind::Text, default: Some("default"), in_file: false },
    // These options have no flag. By default, the variables of agents and CI systems decide.
    Definition { name: "agent", kind: Kind::Switch, default: None, in_file: false },
    Definition { name: "ci", kind: Kind::Switch, default: None, in_file: false },
];

const fn setting(name: &'static str, kind: Kind, default: Option<&'static str>) -> Definition {
    Definition { name, kind, default, in_file: true }
}

/// Defines an option that would change the output of every run, or remove a protection from every run.
const fn for_one_run(name: &'static str) -> Definition {
    Definition { name, kind: Kind::Switch, default: Some("false"), in_file: false }
}

impl Definition {
    /// Returns its name in the configuration file.
    pub(crate) fn key(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl Kind {
    /// Checks a value. The error does not repeat it.
    pub(crate) fn check(self, value: &str) -> Result<(), String> {
        let fault = |fault: &'static str| fault.to_owned();
        match self {
            Self::Switch => switch(value).map(drop).map_err(fault),
            Self::Text | Self::File | Self::Command => plain_text(value).map(drop).map_err(fault),
            Self::Url => BaseUrl::parse(value).map(drop).map_err(|error| error.to_string()),
            Self::Port => port_number(value).map(drop).map_err(fault),
            Self::Time => wait(value).map(drop).map_err(fault),
            Self::Lifetime => lifetime(value).map(drop),
            Self::Scopes => key_scopes(value).map(drop),
            Self::Variable => VariableName::parse(value).map(drop).map_err(|error| error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use crate::config::tests::resolve;
    use clap::CommandFactory;
    use keymint_domain::{Client, Plan};
    use std::collections::BTreeSet;

    #[test]
    fn every_flag_of_create_and_run_is_in_the_table_and_the_table_has_no_others() {
        let mut command = Args::command();
        command.build();
        let arguments = ["create", "run"].map(|name| command.find_subcommand(name).unwrap().get_arguments());
        let flags: BTreeSet<_> = arguments.into_iter().flatten().filter_map(clap::Arg::get_long).collect();
        // The first two have no flag, and the last two no variable.
        let defined = DEFINITIONS.iter().map(|definition| definition.name);
        let defined = defined.filter(|name| !["agent", "ci"].contains(name)).chain(["help", "version"]);
        assert_eq!(flags, defined.collect());
    }

    /// Arguments are in the history of the shell and in the list of processes. Add an option to the table or to
    /// this list only if its value cannot be a secret. (The URL of `finish` contains a code, which is useless
    /// without the verifier and used up at once. The arguments after `run --` belong to another program.)
    #[test]
    fn no_option_takes_a_secret() {
        fn arguments(command: &clap::Command) -> Vec<&clap::Arg> {
            let subcommands = command.get_subcommands().filter(|command| command.get_name() != "help");
            command.get_arguments().chain(subcommands.flat_map(arguments)).collect()
        }
        const IN_NO_TABLE: &str = "[command] [id] [key] [shell] [url] all at delete format help latency \
                                   login-lists organizations port profiles ready-after refuse report revoke scenario sign-in \
                                   time-factor version yes";
        let mut command = Args::command();
        command.build();
        let found: BTreeSet<_> = arguments(&command)
            .into_iter()
            .map(|arg| arg.get_long().map_or_else(|| format!("[{}]", arg.get_id()), str::to_owned))
            .collect();
        let defined = DEFINITIONS.iter().map(|definition| definition.name).chain(IN_NO_TABLE.split(' '));
        let has_flag = |name: &&str| !["agent", "ci"].contains(name);
        assert_eq!(found, defined.filter(has_flag).map(str::to_owned).collect());
    }

    #[test]
    fn the_shown_defaults_are_those_that_count() {
        let default = |name| DEFINITIONS.iter().find(|it| it.name == name).unwrap().default.unwrap();
        let (client, settings) = (Client::default(), resolve(&[], &[]).unwrap());
        assert_eq!(default("issuer"), client.issuer.as_str());
        assert_eq!(default("api-base"), settings.sign_in.endpoints.api_base.as_str());
        assert_eq!(default("client-id"), client.client_id);
        assert_eq!(default("audience"), client.audience);
        assert_eq!(default("oauth-scope"), client.scope);
        assert_eq!(default("app"), Plan::named("").app);
        assert_eq!(default("callback-port"), settings.sign_in.endpoints.callback_port.to_string());
        assert_eq!(wait(default("sign-in-timeout")), Ok(settings.sign_in.timeout));
        assert_eq!(wait(default("project-timeout")), Ok(settings.plan.polling.timeout()));
        assert_eq!(wait(default("http-timeout")), Ok(settings.sign_in.http.request_timeout));
    }
}
