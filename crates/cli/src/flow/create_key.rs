//! The steps from a chosen project to a delivered key.

use crate::config::{CreateSettings, RotationSettings};
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::explain::provision::{outcome_unknown, refused_creation};
use crate::flow::choose;
use crate::flow::context::Context;
use crate::flow::delivery::{Delivery, print_in_time};
use crate::flow::env_conflicts;
use crate::flow::verify_key;
use crate::ui::format::{
    deletion_page, describe_target, describe_target_exactly, destination, own_path, quoted, recover_command,
};
use crate::ui::json;
use crate::ui::message::{Message, Warning};
use crate::ui::reporter::Reporter;
use crate::ui::stdout;
use keymint_delivery_adapter::{
    FinishedRun, Journal, KeyRecord, KeyState, RecoveryStore, RotationOutcome, RotationRecord, StateDir,
    fail_point, wall_clock,
};
use keymint_domain::{
    ApiKey, CreatedKey, DeliveryReport, KeyDestination, KeyDetails, ProvisionError, ProvisionedKey,
    Provisioner, Restriction, ServiceAccountId, Session, Target,
};
use keymint_terminal::{Shielded, Signals, stderr};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use tokio::sync::watch;

/// Everything that is prepared for a key before the sign-in.
pub(crate) struct KeyCreation<'a> {
    pub(super) context: &'a Context,
    pub(super) settings: &'a CreateSettings,
    pub(super) delivery: Delivery<'a>,
    pub(super) journal: Journal,
    /// `None` if the run writes no records.
    pub(super) state: Option<StateDir>,
}

/// A new key in every destination of the old one.
pub(crate) struct DeliveredKey<'a> {
    pub(super) creation: KeyCreation<'a>,
    pub(super) key: ApiKey,
    pub(super) details: KeyDetails,
    pub(super) report: DeliveryReport,
}

/// A created key, with its project described as text.
pub(crate) struct NewlyCreated {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) key: CreatedKey,
    pub(crate) unconfirmed: Vec<Restriction>,
}

impl From<ProvisionedKey> for NewlyCreated {
    fn from(
        ProvisionedKey { target, name, key: secret, details, unconfirmed, end, .. }: ProvisionedKey,
    ) -> Self {
        let mut key = CreatedKey::new(secret);
        (key.details, key.end) = (details, end);
        Self { place: describe_target(&target), name, key, unconfirmed }
    }
}

/// The reason why a creation returned no key.
pub(crate) enum Failure<E> {
    Error(E),
    /// A second signal abandoned the creation.
    Abandoned(&'static str),
}

/// The error of a creation, and its consequence.
pub(crate) enum Lost {
    NoKey(CliError),
    MayExist(CliError),
    /// This service account exists, without a key.
    AccountExists(CliError, ServiceAccountId),
}

impl<'a> KeyCreation<'a> {
    /// Checks the destinations, and that a record of the key can be written.
    pub(crate) async fn prepare(
        context: &'a Context,
        settings: &'a CreateSettings,
    ) -> Result<Self, CliError> {
        fail_point::reached("started");
        if settings.choose {
            choose::check(context, settings.sign_in.may_ask)?;
        }
        let delivery =
            Delivery::reserve(context, &settings.destinations, settings.sign_in.may_ask, settings.dry_run)
                .await?;
        let (state, journal) = if settings.sign_in.persists && !settings.dry_run {
            let state = StateDir::open_default().map_err(unwritable)?;
            report_earlier_runs(state.finished_runs().unwrap_or_default(), &context.ui);
            let journal = state.journal().map_err(unwritable)?;
            (Some(state), journal)
        } else {
            (None, Journal::disabled())
        };
        fail_point::reached("prepared");
        Ok(Self { context, settings, delivery, journal, state })
    }

    /// Checks that the record of a key can be synced to the disk.
    pub(crate) async fn sync_journal(&self) -> Result<(), CliError> {
        self.journal.sync().await.map_err(unwritable)
    }

    /// Creates the key, unless this is a dry run.
    pub(crate) async fn run(
        mut self,
        provisioner: &Provisioner<'_>,
        session: Session,
        target: &Target,
        in_flight: watch::Receiver<bool>,
        signals: &mut Signals,
    ) -> Result<Option<(Self, ProvisionedKey)>, CliError> {
        let CreateSettings { sign_in, plan, .. } = self.settings;
        let name = &plan.key.name;
        let rotation = self.settings.rotation.as_ref();
        let rotation = rotation
            .map(|RotationSettings { old, .. }| RotationRecord { replaces: old.id.clone(), outcome: None });
        let requested = KeyRecord::requested(name, target, sign_in.endpoints.api_base.as_str());
        let record = KeyRecord { rotation, ..requested };
        if self.settings.dry_run {
            return self.dry_run(&record, &describe_target(target), signals).await.map(|()| None);
        }
        let place = describe_target(target);
        let creation = provisioner.create_key(session, target.clone());
        let created = self
            .request(record, &place, creation, in_flight, signals, |failure| match failure {
                Failure::Error(error @ ProvisionError::OutcomeUnknown { .. }) => {
                    Lost::MayExist(self.context.explain(error))
                }
                Failure::Error(error) => {
                    Lost::NoKey(refused_creation(self.context.explain(error), &plan.key, target))
                }
                Failure::Abandoned(why) => {
                    let place = describe_target_exactly(target);
                    Lost::MayExist(outcome_unknown(&place, name, why, &wall_clock::utc_now()))
                }
            })
            .await?;
        Ok(Some((self, created)))
    }

    /// Records the request for a key, and then sends it.
    pub(crate) async fn request<T, E>(
        &mut self,
        record: KeyRecord,
        place: &str,
        creation: impl Future<Output = Result<T, E>>,
        in_flight: watch::Receiver<bool>,
        signals: &mut Signals,
        explain: impl FnOnce(Failure<E>) -> Lost,
    ) -> Result<T, CliError> {
        let name = record.name.clone();
        self.journal
            .requested(record)
            .map_err(|error| explain::unusable(format!("no key was requested: {error}")))?;
        fail_point::reached("written-down");
        self.context.ui.report(&Message::Creating { place, name: &name });
        let patience = self.settings.sign_in.http.request_timeout;
        let warn = || self.context.ui.report(&Message::StillCreating { patience });
        let lost = match signals.shield(in_flight, creation, warn).await {
            Shielded::Completed(Ok(created)) => return Ok(created),
            Shielded::Completed(Err(error)) => explain(Failure::Error(error)),
            Shielded::Cancelled(signal) => Lost::NoKey(signal.into()),
            Shielded::Abandoned => explain(Failure::Abandoned("the wait was interrupted")),
        };
        match lost {
            Lost::NoKey(error) => {
                self.journal.discard();
                Err(error)
            }
            Lost::MayExist(error) => {
                self.journal.unknown();
                Err(error)
            }
            Lost::AccountExists(error, id) => {
                self.note_account(&id);
                self.journal.unknown();
                Err(error)
            }
        }
    }

    /// Records the service account of the key.
    pub(crate) fn note_account(&mut self, id: &ServiceAccountId) {
        self.journal.service_account(id);
    }

    pub(crate) async fn dry_run(
        &self,
        record: &KeyRecord,
        place: &str,
        signals: &mut Signals,
    ) -> Result<(), CliError> {
        if self.context.ui.wants_json() {
            self.context.ui.clear_progress();
            print_in_time(self.context, signals, json::dry_run(record)).await.map_err(stdout::failed)?;
        }
        self.context.ui.report(&Message::DryRun { place });
        Ok(())
    }

    /// Delivers the key. Returns the values that the rest of a rotation needs.
    pub(crate) async fn deliver(
        mut self,
        created: NewlyCreated,
        signals: &mut Signals,
    ) -> Result<Option<DeliveredKey<'a>>, CliError> {
        let NewlyCreated { place, name, key: CreatedKey { secret: key, details, end, .. }, unconfirmed } =
            created;
        fail_point::reached("answered");
        self.journal.created(&key, &details);
        let record = self.journal.record().expect("it was written before the key was requested");
        let expires_at = record.expires_at.as_deref();
        let last_four = key.last_four();
        self.context.ui.clear_progress();
        self.context.ui.report(&Message::KeyCreated { last_four, name: &name, place: &place, expires_at });
        // Signals are handled again during the delivery, since the key has arrived.
        if !end.arrives(&self.context.clock).await {
            self.context.ui.report(&Message::Warning(Warning::CutAnswer));
        }
        if !unconfirmed.is_empty() {
            let (restrictions, page) = (&*unconfirmed, deletion_page(record));
            self.context.ui.report(&Message::Warning(Warning::Unconfirmed { restrictions, page }));
        }
        fail_point::reached("known");
        let rotation = self.settings.rotation.as_ref();
        let page = deletion_page(record);
        let thing = if record.service_account.is_some() { "service account" } else { "key" };
        let hint_if_lost = format!("Delete the {thing} {} at {page}, and run it again.", quoted(&name));
        let mut report = self.delivery.deliver(&key, record, rotation, signals).await;
        fail_point::reached("delivered");
        self.journal.delivered(&report);
        // If the key cannot be stored, the next run warns that it exists.
        let store = self.state.as_ref().map(|state| state.recovery(self.journal.id()));
        let kept_in = keep(&key, &mut report, store).await;
        if let Some(path) = &kept_in {
            self.journal.kept(path);
        }
        if rotation.is_some() && !report.failures().is_empty() {
            self.journal.concluded(RotationOutcome::NotReplaced);
        }
        report_kept(self.context, "the key was created", &hint_if_lost, &report, kept_in)?;
        fail_point::reached("noted");
        if self.settings.verify {
            tokio::select! {
                () = verify_key::report(self.context, &self.settings.sign_in, &key) => {}
                _ = signals.next() => {}
            }
        }
        self.report_what_now(page);
        Ok(rotation.is_some().then(|| DeliveredKey { creation: self, key, details, report }))
    }

    /// Reports obstacles for programs that use the key, and how to use and delete the key.
    fn report_what_now(&self, page: &'static str) {
        let CreateSettings { sign_in, destinations, .. } = self.settings;
        // The key of a demonstration has no value.
        if !sign_in.persists {
            return;
        }
        for warning in env_conflicts::warnings(self.context.sources.environment, destinations) {
            self.context.ui.report(&Message::Warning(warning));
        }
        let dashboard = (sign_in.endpoints.are_openai() && self.settings.rotation.is_none()).then_some(page);
        self.context.ui.report(&Message::Done { is_only_printed: !destinations.elsewhere(), dashboard });
    }
}

pub(crate) fn unwritable(error: io::Error) -> CliError {
    explain::state(ErrorKind::DestinationUnusable, "cannot write the key record", error)
}

/// Stores a key for `recover` if a destination failed or none is durable. Returns its file.
pub(crate) async fn keep(
    key: &ApiKey,
    report: &mut DeliveryReport,
    store: Option<RecoveryStore>,
) -> Option<PathBuf> {
    let mut store = store.filter(|_| report.must_be_kept())?;
    let outcome = store.deliver(key).await;
    report.add_kept(&store, outcome);
    store.path().map(ToOwned::to_owned)
}

/// Reports the file in which a key is stored for `recover`. Returns an error if a destination failed.
pub(crate) fn report_kept(
    context: &Context,
    so_far: &str,
    hint_if_lost: &str,
    report: &DeliveryReport,
    kept_in: Option<PathBuf>,
) -> Result<(), CliError> {
    if !report.failures().is_empty() {
        return Err(delivery_failed(so_far, hint_if_lost, report, kept_in));
    }
    match (&kept_in, report.kept()) {
        (Some(path), _) => context.ui.report(&Message::Kept { path }),
        (None, Some(Err(error))) => context.ui.report(&Message::Warning(Warning::NotKept(error))),
        (None, _) => {}
    }
    Ok(())
}

/// Returns the error of a failed delivery. `kept_in` is the file that has the key, if it was stored for `recover`.
fn delivery_failed(
    so_far: &str,
    hint_if_lost: &str,
    report: &DeliveryReport,
    kept_in: Option<PathBuf>,
) -> CliError {
    let failed = format!("{so_far}, but {}", explain::failures(report));
    let is_lost = report.is_lost();
    let is_delivered = !report.delivered_to().is_empty();
    let error = |message| CliError::new(ErrorKind::DeliveryFailed { is_lost, is_delivered }, message);
    match (kept_in, report.kept()) {
        (Some(path), _) => error(format!("{failed}; it is kept in {}", own_path(&path)))
            .hint(format!("{}, or another destination, delivers it.", recover_command(&path))),
        (None, Some(Err(keeping))) => {
            let hint = if is_lost {
                hint_if_lost.to_owned()
            } else {
                let places: Vec<_> =
                    report.delivered_to().iter().map(|id| destination(id.as_str(), None)).collect();
                format!("It is not lost: take it from {}.", places.join(" or "))
            };
            error(format!("{failed}, and it could not be kept either ({keeping})")).hint(hint)
        }
        (None, _) => error(failed),
    }
}

/// Warns once about each key that may exist because its run did not report the outcome. If there are many, some are
/// left to the next runs.
fn report_earlier_runs(mut runs: Vec<FinishedRun>, ui: &Reporter) {
    const MOST: usize = 10;
    let warn = |warning: Warning<'_>| ui.report(&Message::Warning(warning));
    for replaced in runs.iter().filter_map(FinishedRun::unconcluded_rotation) {
        if let Some(old) = runs.iter().find(|run| run.id == replaced) {
            warn(Warning::OldKeyLeft { old: &old.record });
        }
    }
    let mut rotations: Vec<_> = runs.extract_if(.., |run| run.unconcluded_rotation().is_some()).collect();
    runs.retain(|run| matches!(run.record.state, KeyState::Requested | KeyState::Created));
    for run in runs.iter().take(MOST) {
        warn(Warning::EarlierRun(&run.record));
    }
    if runs.len() > MOST {
        warn(Warning::MoreEarlierRuns(runs.len() - MOST));
    }
    if rotations.is_empty() && runs.is_empty() {
        return;
    }
    // No later run reports what is recorded here.
    stderr::flush();
    for run in &mut rotations {
        let _ = run.cut_short();
    }
    for run in runs.iter_mut().take(MOST) {
        let _ = run.unknown();
    }
}
