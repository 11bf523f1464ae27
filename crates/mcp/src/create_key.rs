//! The tool `create_api_key`: checks the destination, signs the user in, creates a key and delivers it.

use crate::call::Call;
use crate::destination::{DeliveredTo, Destination, DestinationKind, Requested, shown};
use crate::dialog::Answer;
use crate::failure::{Failure, Kind};
use crate::output::{Key, Place, places};
use crate::sign_in::{Page, SignIn, described, page, report};
use keymint_callback_adapter::{BrowserMismatch, Details, Outcome};
use keymint_delivery_adapter::{Journal, KeyRecord, KeyState, wall_clock};
use keymint_domain::text::{quote, redact_keys};
use keymint_domain::{
    AccountEmail, AuthorizationGrant, DeliveryReport, Event, KeyDestination, KeyLifetime, Plan,
    ProvisionedKey, Session, Step, Target,
};
use keymint_host::key_name;
use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The maximum length of a name in a message, in characters.
const LONGEST_NAME: usize = 80;

/// The arguments of the tool.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateApiKey {
    /// Where the key goes: `env_file` is a variable in a dotenv file, `keyring` the keyring of the operating system.
    destination: DestinationKind,
    /// For `env_file`: the file, in a root of the client. A relative path begins at the first root. Default: `.env`.
    path: Option<String>,
    /// For `env_file`: the variable. Default: `OPENAI_API_KEY`.
    variable: Option<String>,
    /// The id or the title of the organization. By default the user's preferred one.
    organization: Option<String>,
    /// The id or the title of the project. By default the default project.
    project: Option<String>,
    /// The name of the key on the platform. By default a name with user, host and date.
    name: Option<String>,
    /// How long the key is valid, such as `90d` or `12h`. By default it does not expire.
    expires: Option<String>,
}

/// A created key, without the key itself.
#[derive(Debug, Serialize)]
pub(crate) struct CreatedKey {
    /// The result in one sentence for the user.
    summary: String,
    organization: Place,
    project: Place,
    key: Key,
    delivered_to: DeliveredTo,
    /// Warnings for the user.
    warnings: Vec<String>,
}

/// A checked destination and everything else that must be ready before the user signs in.
struct Prepared {
    plan: Plan,
    destination: Destination,
    warnings: Vec<String>,
    journal: Journal,
}

pub(crate) async fn run(call: Call, arguments: CreateApiKey) -> Result<CreatedKey, Failure> {
    let plan = arguments.plan(&call)?;
    let preparing = async {
        let CreateApiKey { destination: kind, path, variable, .. } = &arguments;
        let requested = Requested { kind: *kind, path: path.as_deref(), variable: variable.as_deref() };
        let (destination, mut warnings) = requested.reserve(&call).await?;
        let journal = begin_journal(&call, &mut warnings)?;
        Ok(Prepared { plan, destination, warnings, journal })
    };
    let mut prepared = call.unless_cancelled(preparing).await?;
    let purpose = format!("create an API key in {}", prepared.destination.in_words());
    let (sign_in, grant) = call.unless_cancelled(SignIn::begin(&call, &purpose)).await?;
    let created = prepared.create(&call, &sign_in, grant).await;
    let ending = sign_in.disconnect(&call);
    let result = match created {
        Ok(created) => prepared.deliver(&call, created).await,
        Err(failure) => Err(failure),
    };
    conclude(ending, &result).await;
    result
}

async fn conclude(ending: Page, result: &Result<CreatedKey, Failure>) {
    let delivered = |CreatedKey { organization, project, key, .. }: &CreatedKey| {
        let target = format!("project \"{}\" of organization \"{}\"", project.name(), organization.name());
        let details = Details { target: Some(target), last_four: key.last4.clone(), ..Details::default() };
        Outcome::KeyDelivered.with(details)
    };
    ending.conclude(result.as_ref().map_or_else(page, delivered)).await;
}

/// Begins the journal, and warns once about each key that may exist because an earlier run did not report its
/// outcome.
fn begin_journal(call: &Call, warnings: &mut Vec<String>) -> Result<Journal, Failure> {
    let state = &call.settings.state;
    for mut run in state.finished_runs().unwrap_or_default() {
        let exists = match run.record.state {
            KeyState::Requested => "may have created",
            KeyState::Created => "created",
            _ => continue,
        };
        let name = quote(&run.record.name, LONGEST_NAME);
        warnings
            .push(format!("an earlier run that was killed {exists} the key {name}, but did not deliver it"));
        let _ = run.unknown();
    }
    state.journal().map_err(|error| Failure::state(&error))
}

impl CreateApiKey {
    fn plan(&self, call: &Call) -> Result<Plan, Failure> {
        let named = |field: &str, value: &Option<String>| match value.as_deref() {
            Some(text) if text.is_empty() || text.contains(char::is_control) => {
                Err(Failure::usage(format!("`{field}` must be text of one line, and not empty")))
            }
            Some(text) if redact_keys(text) != text => {
                Err(Failure::usage(format!("`{field}` must not have a key in it")))
            }
            text => Ok(text.map(str::to_owned)),
        };
        let mut plan = call.settings.plan.clone();
        plan.key.name = match named("name", &self.name)? {
            Some(name) => name,
            None => key_name(&wall_clock::utc_now(), SysRng.try_next_u64().map_err(Failure::internal)?),
        };
        if let Some(expires) = &self.expires {
            let lifetime = humantime::parse_duration(expires).ok();
            let lifetime = lifetime.and_then(|lifetime| KeyLifetime::try_from(lifetime).ok());
            let invalid =
                || Failure::usage("`expires` must be a time such as 90d or 12h, of at most 365 days");
            plan.key.expires_in = Some(lifetime.ok_or_else(invalid)?);
        }
        let selector = &mut plan.selector;
        if let Some(organization) = named("organization", &self.organization)? {
            selector.organization = Some(organization);
            selector.project = None;
        }
        if let Some(project) = named("project", &self.project)? {
            selector.project = Some(project);
        }
        Ok(plan)
    }
}

impl Prepared {
    /// Runs the steps from the grant to the created key.
    async fn create(
        &mut self,
        call: &Call,
        sign_in: &SignIn,
        grant: AuthorizationGrant,
    ) -> Result<ProvisionedKey, Failure> {
        let Self { plan, journal, .. } = self;
        let before_creation = async {
            let session = sign_in.sign_in(call, plan, grant).await?;
            let observer = |event| report(call, &event);
            let provisioner = sign_in.provisioner(call, plan).observed_by(&observer);
            let target = provisioner.wait_for_target(&session).await?;
            confirm_browser(call, sign_in.browser_mismatch(), &target, session.account()).await?;
            Ok((session, target))
        };
        let (session, target) = call.unless_cancelled(before_creation).await?;
        let record = KeyRecord::requested(&plan.key.name, &target, call.settings.api_base.as_str());
        journal.requested(record).map_err(|error| Failure::state(&error))?;
        let created = request(call, sign_in, plan, session, target).await;
        match &created {
            Ok(_) => {}
            Err(Failure { kind: Kind::OutcomeUnknown, .. }) => journal.unknown(),
            Err(_) => journal.discard(),
        }
        created
    }

    /// Delivers the key, or stores it for recovery.
    async fn deliver(self, call: &Call, created: ProvisionedKey) -> Result<CreatedKey, Failure> {
        let Self { destination: mut to, mut warnings, mut journal, .. } = self;
        let ProvisionedKey { target, name, key, details, unconfirmed, end, .. } = created;
        journal.created(&key, &details);
        if !end.arrives(&call.clock).await {
            warnings.push("the server's answer was cut off after the key".to_owned());
        }
        let unconfirmed = unconfirmed
            .iter()
            .map(|restriction| format!("the server did not confirm {restriction} of the key"));
        warnings.extend(unconfirmed);
        let mut delivery = DeliveryReport::default();
        let outcome = to.deliver(&key).await;
        delivery.add(to.port(), outcome);
        journal.delivered(&delivery);
        if delivery.must_be_kept() {
            let mut recovery = call.settings.state.recovery(journal.id());
            let kept = recovery.deliver(&key).await;
            delivery.add_kept(&recovery, kept);
            let path = recovery.path().map(shown);
            if let Some(path) = recovery.path() {
                journal.kept(path);
            }
            return Err(not_delivered(&name, &delivery, path));
        }
        let record = journal.record().expect("it was written before the key was requested");
        let (organization, project) = places(&target);
        let key = Key::from(record);
        let summary = format!(
            "Created the key {} (ending in {}) in project {} of organization {}. It is in {}.",
            quote(&key.name, LONGEST_NAME),
            key.last4.as_deref().unwrap_or("????"),
            quote(project.name(), LONGEST_NAME),
            quote(organization.name(), LONGEST_NAME),
            to.in_words(),
        );
        Ok(CreatedKey { summary, organization, project, key, delivered_to: to.delivered_to(), warnings })
    }
}

/// Requests the key. A cancelled call ends if the request has not been sent. Otherwise it waits for the answer.
async fn request(
    call: &Call,
    sign_in: &SignIn,
    plan: &Plan,
    session: Session,
    target: Target,
) -> Result<ProvisionedKey, Failure> {
    // True from the request to the complete answer.
    let (sender, mut in_flight) = watch::channel(false);
    let observer = |event: Event| {
        match event {
            Event::CreationRequested => drop(sender.send_replace(true)),
            Event::Retrying { step: Step::CreateKey, .. } => drop(sender.send_replace(false)),
            _ => {}
        }
        report(call, &event);
    };
    let provisioner = sign_in.provisioner(call, plan).observed_by(&observer);
    let stopped = async {
        call.cancelled.cancelled().await;
        let _ = in_flight.wait_for(|in_flight| !in_flight).await;
    };
    tokio::select! {
        biased;
        () = stopped => Err(Failure::cancelled()),
        created = provisioner.create_key(session, target) => created.map_err(Failure::from),
    }
}

/// Asks the user before a key is created in what may be another user's account: the response may have come from
/// another browser than the one that was opened.
async fn confirm_browser(
    call: &Call,
    mismatch: Option<BrowserMismatch>,
    target: &Target,
    account: Option<&AccountEmail>,
) -> Result<(), Failure> {
    let Some(mismatch) = mismatch else { return Ok(()) };
    let account = account.map_or("unknown", AccountEmail::as_str);
    let question =
        format!("Warning: {mismatch}. Account: {account}, {}. Create a key there?", described(target));
    let why = match call.dialog.confirm(question).await {
        Answer::Yes => return Ok(()),
        Answer::No => "the user declined to create a key there",
        Answer::Missing => "the client cannot ask the user to confirm it",
    };
    Err(Failure::new(
        Kind::SignInRefused,
        format!("{mismatch}, and {why}"),
        "Call the tool again, and have the user sign in with the browser that opens.",
    ))
}

/// Returns the failure of a delivery. `kept_in` is the file that has the key, if it was stored for recovery.
fn not_delivered(name: &str, delivery: &DeliveryReport, kept_in: Option<String>) -> Failure {
    let failures: Vec<_> =
        delivery.failures().iter().map(|(to, error)| format!("{to} failed ({error})")).collect();
    let message =
        format!("the key {} was created, but {}", quote(name, LONGEST_NAME), failures.join(", and "));
    match (kept_in, delivery.kept()) {
        (Some(path), _) => Failure::new(
            Kind::DeliveryFailed,
            format!("{message}; it is kept in {path}"),
            "Call the tool `recover_key` to deliver it, to another destination if necessary.",
        ),
        (None, kept) => {
            let why = kept.and_then(Result::err).map_or_else(String::new, |error| format!(" ({error})"));
            Failure::new(
                Kind::KeyLost,
                format!("{message}, and could not be kept for recovery either{why}"),
                "The user has to delete it where the platform lists keys. Then call the tool again.",
            )
        }
    }
}
