//! What calls ask for: of the user agent, or of the daemon itself.

use std::time::Instant;

use pua_core::{Command, CommandId, Input};

use super::daemon::Daemon;
use super::statistics;
use crate::carriers::Carriers;
use crate::mi::{self, Admin, Clock, is_durable};

/// Does what calls ask for.
pub(super) struct Orders<'a> {
    pub(super) daemon: &'a mut Daemon,
    pub(super) now: Instant,
    pub(super) clock: &'a Clock,
}

impl mi::Order for Orders<'_> {
    fn refusal(&self, command: &Command) -> Option<pua_mi::MiError> {
        is_durable(command).then(|| self.daemon.store.refusal()).flatten()
    }

    fn command(&mut self, id: CommandId, command: Command) {
        if let Some(command) = self.daemon.division.command(id, command) {
            self.daemon.feed(self.now, Input::Command(id, command));
        }
    }

    fn answer(&mut self, command: pua_mi::Command) -> pua_mi::Reply {
        use pua_mi::Command;
        let daemon = &mut *self.daemon;
        match command {
            Command::List(filter) => mi::list(self.clock, &daemon.holdings(), filter),
            Command::Show(name) => mi::show(self.clock, &daemon.holdings(), &name),
            Command::Subscriptions(filter) => mi::subscriptions(self.clock, &daemon.holdings(), filter),
            Command::State(query) => mi::state(self.clock, &daemon.holdings(), &query),
            Command::Which(name) => pua_mi::which(name.as_deref()),
            Command::Help(name) => pua_mi::help(name.as_deref()),
            Command::Version => Admin::version(),
            Command::Uptime => daemon.admin.up(self.clock),
            Command::Ps => Admin::ps(),
            Command::Pwd => Admin::pwd(),
            Command::Arg => Admin::arg(),
            Command::Kill => {
                // Takes effect at the end of the turn: this call is answered first.
                daemon.killed = true;
                pua_mi::Reply::Json("OK".into())
            }
            Command::LogLevel(level) => daemon.admin.log_level(level),
            Command::GetStatistics(names) => {
                let all = statistics::all(daemon, self.now);
                daemon.admin.get_statistics(&all, &names)
            }
            Command::ListStatistics => Admin::list_statistics(&statistics::all(daemon, self.now)),
            Command::ResetStatistics(names) => {
                let all = statistics::all(daemon, self.now);
                daemon.admin.reset_statistics(&all, &names)
            }
            Command::Watch(_) => mi::watch_elsewhere(),
            Command::EventSubscribe(asked) => daemon.events.carriers.subscribe(&asked),
            Command::EventsList => Carriers::events(),
            Command::SubscribersList(filter) => daemon.events.carriers.subscribers(&filter),
            Command::Publish(_)
            | Command::Remove(_)
            | Command::Refresh(_)
            | Command::Subscribe(_)
            | Command::Unsubscribe(_)
            | Command::Fetch(_) => {
                pua_mi::Reply::Error(pua_mi::MiError::server_error("not the daemon's own command"))
            }
        }
    }
}

/// Whether a request can take milliseconds: a page of a list has up to ten thousand entries, and a
/// presentity can have as many documents.
pub(super) fn is_long(request: &pua_mi::Request) -> bool {
    use pua_mi::Command::{List, State, Subscriptions};
    let mut calls = request.calls.iter();
    calls.any(|call| matches!(call.command, Ok(List(_) | Subscriptions(_) | State(_))))
}
