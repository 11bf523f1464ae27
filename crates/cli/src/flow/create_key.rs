//! From a chosen project to a key that is where it was wanted.

use crate::config::{ProcessEnvironment, Settings};
use crate::delivery::{Delivered, Delivery, print_in_time};
use crate::error::{CliError, ErrorKind, outcome_unknown};
use crate::flow::env_conflicts;
use crate::flow::verify_key;
use crate::os::fail_point;
use crate::os::signals::{InFlight, Interrupt, Shielded};
use crate::record;
use crate::record::{Entry, Record, State};
use crate::recovery;
use crate::ui::format::{DASHBOARD, quoted};
use crate::ui::prompter::Prompter;
use crate::ui::reporter::{Message, Reporter};
use crate::ui::stdout;
use keymint_callback_adapter::Outcome;
use keymint_domain::{ApiKey, Observer, Ports, ProvisionError, ProvisionedKey, Provisioner, Session, Target};
use std::io;
use std::path::PathBuf;

/// What is ready for a key before anybody signs in.
pub(crate) struct Mint<'a> {
    settings: &'a Settings,
    reporter: &'a Reporter,
    delivery: Delivery<'a>,
    record: Record,
}

impl<'a> Mint<'a> {
    /// Checks where the key will go, and that what becomes of it can be written down.
    pub(crate) async fn prepare(
        settings: &'a Settings,
        reporter: &'a Reporter,
        prompter: Prompter<'a>,
    ) -> Result<Self, CliError> {
        fail_point::reached("started");
        let delivery = Delivery::check(&settings.destinations, settings.dry_run, prompter).await?;
        let record = if settings.persists && !settings.dry_run {
            report_earlier_runs(prompter);
            recovery::folder().and_then(|_| Record::begin()).map_err(|error| {
                CliError::new(
                    ErrorKind::DestinationUnusable,
                    format!("nothing can be written down of a key: {error}"),
                )
                .hint("Name a folder of yours in XDG_STATE_HOME.")
            })?
        } else {
            Record::of_nothing()
        };
        fail_point::reached("prepared");
        Ok(Self { settings, reporter, delivery, record })
    }

    /// Creates the key and delivers it. Returns what the browser's page says.
    pub(crate) async fn make(
        mut self,
        ports: Ports<'_>,
        session: Session,
        target: &Target,
        observer: Observer<'_>,
        in_flight: &InFlight,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, CliError> {
        let Settings { plan, api_base, http, .. } = self.settings;
        let name = &plan.key_name;
        let entry = Entry::requested(name, target, api_base.as_str());
        if self.settings.dry_run {
            return self.dry_run(&entry, target, interrupt).await;
        }
        self.record.write(entry).map_err(|error| {
            CliError::new(ErrorKind::DestinationUnusable, format!("no key was asked for: {error}"))
        })?;

        fail_point::reached("written-down");

        self.reporter.report(&Message::Creating { target, name });
        let provisioner = Provisioner::new(ports, plan).observed_by(observer);
        let creation = provisioner.create_key(session, target.clone());
        let warn = || self.reporter.report(&Message::StillCreating { patience: http.request_timeout });
        let failure = match interrupt.shield(in_flight, creation, warn).await {
            Shielded::Completed(Ok(created)) => return self.deliver(&created, interrupt).await,
            Shielded::Completed(Err(error @ ProvisionError::OutcomeUnknown { .. })) => error.into(),
            Shielded::Completed(Err(error)) => {
                self.record.withdraw();
                error.into()
            }
            Shielded::Cancelled(failure) => {
                self.record.withdraw();
                failure
            }
            Shielded::Abandoned => outcome_unknown(target, name, "it was not waited for"),
        };
        self.record.amend(|entry| entry.state = State::Unknown);
        Err(failure)
    }

    async fn dry_run(
        self,
        entry: &Entry,
        target: &Target,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, CliError> {
        if self.reporter.wants_json() {
            self.reporter.clear_progress();
            print_in_time(interrupt, stdout::dry_run(entry)).await.map_err(stdout::failed)?;
        }
        self.reporter.report(&Message::DryRun { target });
        Ok(Outcome::DryRun)
    }

    async fn deliver(
        mut self,
        created: &ProvisionedKey,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, CliError> {
        let ProvisionedKey { target, name, key, .. } = created;
        fail_point::reached("answered");
        self.record.amend(|entry| {
            entry.state = State::Created;
            entry.last4 = Some(key.last_four().to_owned());
        });
        self.reporter.report(&Message::KeyCreated { last_four: key.last_four(), name, target });
        self.reporter.clear_progress();
        fail_point::reached("known");
        let entry = self.record.entry().expect("it was written before the key was asked for");
        let delivered = self.delivery.deliver(key, entry, self.reporter, interrupt).await;
        fail_point::reached("delivered");
        let profile = self.settings.destinations.profile();
        self.record.amend(|entry| entry.deliver_to(&delivered.to, profile));

        if delivered.failed.is_empty() {
            if delivered.is_kept {
                self.record.amend(|entry| entry.state = State::Delivered);
            } else {
                self.keep_besides(created);
            }
            fail_point::reached("noted");
            if self.settings.verify {
                tokio::select! {
                    () = verify_key::tell(key, self.settings, self.reporter) => {}
                    _ = interrupt.next() => {}
                }
            }
            self.report_what_now();
            return Ok(Outcome::KeyDelivered);
        }
        Err(self.keep(created, &delivered))
    }

    /// The last word: what stands in the key's way, and how it is used and deleted.
    fn report_what_now(&self) {
        let Settings { destinations, persists, .. } = self.settings;
        // The key of a demonstration is good for nothing.
        if !persists {
            return;
        }
        for warning in env_conflicts::warnings(&ProcessEnvironment, destinations) {
            self.reporter.report(&Message::Warning(&warning));
        }
        let dashboard = self.settings.is_openai().then_some(DASHBOARD);
        self.reporter.report(&Message::Done { variable: destinations.variable(), dashboard });
    }

    /// The key is where it was wanted, but not for long. Where nothing else keeps it, the next run
    /// tells of it once more.
    fn keep_besides(&mut self, created: &ProvisionedKey) {
        match self.keep_for_recovery(&created.key) {
            Ok(path) => {
                let text = format!("A clipboard forgets, so the key is kept in {}, too.", path.display());
                self.reporter.report(&Message::Kept { text: &text });
            }
            Err(error) => {
                let text = format!("a clipboard forgets, and the key could not be kept besides: {error}");
                self.reporter.report(&Message::Warning(&text));
            }
        }
    }

    /// A destination failed, and the key must not be lost with it.
    fn keep(mut self, created: &ProvisionedKey, delivered: &Delivered) -> CliError {
        let failed = format!("the key was created, but {}", delivered.failed.join(", and "));
        let failed_with = |message: String| CliError::new(ErrorKind::DeliveryFailed, message);
        let mut failure = if !self.settings.persists {
            failed_with(failed).page(Outcome::KeyLost)
        } else {
            match self.keep_for_recovery(&created.key) {
                Ok(path) => failed_with(format!("{failed}; it is kept in {}", path.display()))
                    .hint("Bring it where you need it with `keymint recover`.")
                    .page(Outcome::KeyKept),
                Err(keeping) => failed_with(format!("{failed}, and it could not be kept either ({keeping})"))
                    .hint(format!(
                        "Delete the key {} at {DASHBOARD}, and run it again.",
                        quoted(&created.name)
                    ))
                    .page(Outcome::KeyLost),
            }
        };
        failure.has_printed = delivered.has_printed;
        failure
    }

    /// Keeps the key in the recovery folder, and takes note of that.
    fn keep_for_recovery(&mut self, key: &ApiKey) -> io::Result<PathBuf> {
        let path = recovery::keep(key, self.record.id())?;
        self.record.amend(|entry| {
            entry.state = State::Delivered;
            entry.kept_in = Some(path.clone());
        });
        Ok(path)
    }
}

/// Tells once of each run that was ended before it knew, or could say, what became of its key.
fn report_earlier_runs(prompter: Prompter<'_>) {
    for mut past in record::past().unwrap_or_default() {
        let Entry { name, time, .. } = &past.entry;
        let what = match past.entry.state {
            State::Requested => "may exist",
            State::Created => "exists, and may not have been delivered",
            State::Delivered | State::Unknown => continue,
        };
        prompter.warn(&format!(
            "an earlier run was cut short. Its key {} of {time} {what}: look for that name at {DASHBOARD}, and \
             delete it unless you have it",
            quoted(name)
        ));
        let _ = past.amend(|entry| entry.state = State::Unknown);
    }
}
