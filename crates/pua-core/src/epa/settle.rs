//! How an exchange ends: what becomes of the publication, and who is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_wire::reason_phrase;

use super::Epa;
use crate::core::Core;
use crate::failure::Failure;
use crate::output::{Event, FailureOrigin, Next, Outcome, Output, Reply};
use crate::publication::response::Verdict;
use crate::publication::{Cause, Ending, Pause, Publication, Standing, State, Waiters, Wanted};
use crate::schedule::{Patience, obeyed, waited, whole_seconds};

/// The failure as the outcome of a publishing command.
fn outcome(core: &mut Core, failure: &Failure, publication: &Publication, next: Next) -> Outcome {
    Outcome {
        code: failure.code,
        reason: failure.reason.clone(),
        origin: failure.origin,
        etag: None,
        expires: None,
        detail: failure.detail.clone(),
        warning: failure.warning.clone(),
        retry_after: failure.retry_after,
        allow_events: failure.allow_events.clone(),
        next,
        server: failure.server,
        call_id: core.call_id_of(publication.key),
        cseq: publication.cseq,
    }
}

impl Epa {
    /// Ends the exchange of a publication without success, and decides by the code what comes next.
    pub(super) fn fail(&mut self, now: Instant, core: &mut Core, index: u32, failure: Failure) {
        if self.next_contact(now, core, index, failure.code) {
            return;
        }
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let asked = failure.retry_after.map(obeyed);
        let patience = match Verdict::of(failure.code) {
            Verdict::Challenged if failure.stale => Some(Patience::Slow),
            Verdict::NotServed => Some(Patience::Slow),
            Verdict::ServerUnavailable if asked.is_some() => Some(Patience::Asked),
            Verdict::TryLater | Verdict::ServerUnavailable | Verdict::Forgotten | Verdict::Granted => {
                Some(Patience::Outage)
            }
            Verdict::RefusedUnlessRetryAfter => asked.map(|_| Patience::Outage),
            Verdict::Redirected | Verdict::Challenged | Verdict::TooBrief | Verdict::Refused => None,
        };
        let Some(patience) = patience else {
            self.settle(now, core, index, &failure, Settled::Refused);
            return;
        };
        let own = Self::retry_at(now, core, publication, patience);
        let repeated = publication.failures > 1;
        let pause = match asked {
            None => Pause::ours(now, own, Cause::Ourselves),
            // The server has made everybody wait for what it told this one, and not for the first
            // time: the others go first.
            Some(quiet) if repeated && patience == Patience::Asked => {
                Pause::asked_for(now + quiet, own + quiet, Cause::Ourselves)
            }
            Some(quiet) => {
                let whole = waited(quiet, own.saturating_duration_since(now));
                Pause::asked_for(now + quiet, now + whole, Cause::Ourselves)
            }
        };
        self.settle(now, core, index, &failure, Settled::Waiting(pause));
    }

    /// The server asked for quiet before this could be sent: nothing goes out until then.
    pub(super) fn hold_off(&mut self, now: Instant, core: &mut Core, index: u32, until: Instant) {
        let server = self
            .publications
            .get(index as usize)
            .and_then(|p| core.hops.peek(p.next_hop)?.peek());
        let failure = Failure::local(
            503,
            server,
            "the server asked not to be sent anything until then".to_owned(),
        );
        let mut goes_on = false;
        let mut cause = Cause::Ourselves;
        if let Some(publication) = self.publications.get_mut(index as usize) {
            if let State::Requesting(exchange) = &mut publication.state {
                cause = exchange.cause;
                // It is this server that wants quiet.
                exchange.moved = false;
                // The number that was meant for the request that is not sent.
                if exchange.sent != Some(publication.cseq) {
                    publication.cseq = publication.cseq.saturating_sub(1);
                }
            }
            goes_on =
                publication.until().is_none_or(|until| until > now) && publication.operation(now).is_some();
        }
        // Not sent, so not failed: who can still wait goes on waiting, unless it is over.
        let waiters = if goes_on {
            self.detach_patient(index, until)
        } else {
            Vec::new()
        };
        let pause = Pause::asked_for(until, until, cause);
        self.settle(now, core, index, &failure, Settled::Waiting(pause));
        if let Some(publication) = self.publications.get_mut(index as usize) {
            publication.waiters().extend(waiters);
        } else {
            for waiter in waiters {
                self.drop_waiter(waiter);
            }
        }
    }

    /// Takes those commands away from a publication that can wait until then.
    fn detach_patient(&mut self, index: u32, until: Instant) -> Vec<u32> {
        let waiters = &self.waiters;
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return Vec::new();
        };
        let patient = |waiter: &u32| {
            waiters
                .get(*waiter as usize)
                .is_some_and(|waiter| waiter.deadline >= until)
        };
        let mut kept = Vec::new();
        let waiting = publication.take_waiters();
        let (stay, go): (Vec<u32>, Vec<u32>) = waiting.into_iter().partition(|waiter| !patient(waiter));
        if !stay.is_empty() {
            publication.waiters().extend(stay);
        }
        kept.extend(go);
        kept
    }

    /// Ends an exchange without success.
    fn settle(&mut self, now: Instant, core: &mut Core, index: u32, failure: &Failure, settled: Settled) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        let covered = exchange.revision;
        exchange.passage.end(core);
        // That was the old server's word; the new one has not been asked.
        let moved = exchange.moved;
        let settled = match moved {
            true => Settled::Waiting(Pause::ours(now, now, Cause::Ourselves)),
            false => settled,
        };
        let newer = publication.intent.revision > covered;
        publication.state = match settled {
            Settled::Waiting(pause) => State::Waiting(pause),
            Settled::Refused => State::Refused,
        };
        // An outage that goes on is not written again and again.
        let is_news = publication.is_awaited()
            || publication.last_code() != Some(failure.code)
            || match settled {
                Settled::Waiting(pause) => pause.is_quiet(now),
                Settled::Refused => true,
            };
        publication.set_last(now, failure.code, &failure.reason);
        // A lifetime that is over, or a removal with nothing left to remove, ends here and now.
        let over = publication.until().is_some_and(|until| until <= now);
        let nothing_left = publication.is_over(now);
        let next = match settled {
            _ if over || nothing_left => Next::Ended,
            Settled::Waiting(pause) => publication.next_at(pause.retry_at),
            Settled::Refused => Next::Refused,
        };
        let name = publication.name.clone();
        match (settled, publication.standing) {
            _ if over || nothing_left => {}
            (Settled::Refused, _) => {
                publication.standing = Standing::Lost;
                let (code, reason) = (failure.code, failure.reason.clone());
                core.outputs
                    .push_back(Output::Event(Event::Refused { name, code, reason }));
            }
            (Settled::Waiting(_), Standing::Lost) => {}
            (Settled::Waiting(pause), _) => {
                publication.standing = Standing::Lost;
                let (code, reason) = (failure.code, failure.reason.clone());
                core.outputs.push_back(Output::Event(Event::Lost {
                    name,
                    code,
                    reason,
                    retry_at: pause.retry_at,
                }));
            }
        }
        let outcome = outcome(core, failure, publication, next);
        let ending = publication.ending();
        self.answer(core, index, covered, outcome);
        if over || nothing_left {
            self.answer_unremovable(now, core, index);
            self.end(core, index, ending);
            return;
        }
        self.arm(index);
        self.release(core, index);
        // A newer wish of the application is another question; only the server's own request for
        // quiet holds it back.
        if newer {
            self.enqueue(now, core, index, Cause::Application);
            self.answer_impatient(now, core, index);
        } else if moved {
            self.enqueue(now, core, index, Cause::Ourselves);
        } else if is_news {
            self.persist_granted(core, index);
        }
    }

    /// Tells those commands of a publication their outcome whose revision is covered.
    pub(super) fn answer(&mut self, core: &mut Core, index: u32, covered: u64, outcome: Outcome) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let mut waiters = publication.take_waiters().into_iter();
        let mut rest = Waiters::new();
        let mut outcome = Some(outcome);
        while let Some(waiter) = waiters.next() {
            match self.waiters.get(waiter as usize) {
                Some(known) if known.revision <= covered => {
                    // Most often there is one.
                    let told = match waiters.len() {
                        0 => outcome.take(),
                        _ => outcome.clone(),
                    };
                    if let Some(told) = told {
                        let reply = Output::Reply(known.command, Reply::Final(told));
                        core.outputs.push_back(reply);
                    }
                    self.drop_waiter(waiter);
                }
                Some(_) => rest.push(waiter),
                None => {}
            }
        }
        if let Some(publication) = self.publications.get_mut(index as usize)
            && !rest.is_empty()
        {
            *publication.waiters() = rest;
        }
    }

    /// Tells everyone who still waits for a publication that it is over.
    pub(super) fn answer_ended(&mut self, core: &mut Core, publication: &mut Publication, ending: Ending) {
        for waiter in publication.take_waiters() {
            let Some(known) = self.waiters.get(waiter as usize) else {
                continue;
            };
            let unanswered = publication.last_code() == Some(408);
            let failure = match ending {
                // A server that never answered may have taken it all the same.
                Ending::Removed if unanswered => Failure::local(
                    408,
                    None,
                    "no server has ever answered; if one took it, it ends there by itself".to_owned(),
                ),
                // What was wanted is so, and nothing had to be sent for it.
                Ending::Removed => Failure::local(200, None, "nothing was held at the server".to_owned()),
                Ending::Expired => Failure::local(
                    408,
                    None,
                    "its lifetime was over before the server had taken it".to_owned(),
                ),
            };
            let mut outcome = outcome(core, &failure, publication, Next::Ended);
            if outcome.code == 200 {
                outcome.expires = Some(0);
            }
            core.outputs
                .push_back(Output::Reply(known.command, Reply::Final(outcome)));
            self.drop_waiter(waiter);
        }
    }

    /// Tells who wants a publication withdrawn that the server holds without an entity-tag that it
    /// cannot be: there is no request for it (RFC 3903 §4.5), it stands until its end.
    pub(super) fn answer_unremovable(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get(index as usize) else {
            return;
        };
        let held = publication.granted.as_ref().filter(|granted| {
            granted.etag.is_none()
                && granted.server_until() > now
                && publication.intent.wanted == Wanted::Gone
        });
        let Some(granted) = held else {
            return;
        };
        let left = whole_seconds(granted.server_until() - now);
        let server = core
            .hops
            .peek(publication.next_hop)
            .and_then(crate::next_hop::NextHop::peek);
        let why = format!(
            "the server gave no entity-tag for it, so it cannot be withdrawn: it stands there for another {left} s"
        );
        let failure = Failure::local(501, server, why);
        let outcome = Outcome {
            expires: Some(left),
            ..outcome(core, &failure, publication, Next::Ended)
        };
        self.answer(core, index, u64::MAX, outcome);
    }

    pub(super) fn drop_waiter(&mut self, waiter: u32) {
        self.waiters_due.clear(waiter);
        self.waiters.try_remove(waiter as usize);
    }

    /// A command has waited as long as it wanted to.
    pub(super) fn waiter_due(&mut self, now: Instant, core: &mut Core, waiter: u32) {
        let Some(known) = self.waiters.try_remove(waiter as usize) else {
            return;
        };
        core.counters.commands_timed_out += 1;
        let Some(publication) = self.publications.get_mut(known.publication as usize) else {
            return;
        };
        publication.waiters().retain(|other| *other != waiter);
        let (next, why) = match &publication.state {
            State::Waiting(pause) => {
                let why = match pause.cause {
                    Cause::Application => "not sent yet; it is sent as soon as it may be",
                    Cause::Ourselves => "it is tried again later",
                };
                (publication.next_at(pause.retry_at), why)
            }
            State::Refused => (Next::Refused, "the server refused it"),
            State::Published { .. } => (Next::Held, "it is published"),
            State::Queued { .. } | State::Requesting(_) => (
                Next::Retry { at: now },
                "no final response in time; the daemon goes on trying",
            ),
        };
        let server = core
            .hops
            .peek(publication.next_hop)
            .and_then(crate::next_hop::NextHop::peek);
        let failure = Failure {
            origin: FailureOrigin::Timeout,
            ..Failure::local(408, server, why.to_owned())
        };
        let outcome = outcome(core, &failure, publication, next);
        core.outputs
            .push_back(Output::Reply(known.command, Reply::Final(outcome)));
    }

    /// Answers those at once who would wait in vain for a publication that must hold still.
    pub(super) fn answer_impatient(&mut self, now: Instant, core: &mut Core, index: u32) {
        let Some(publication) = self.publications.get(index as usize) else {
            return;
        };
        let retry_at = match publication.state {
            State::Waiting(pause) if pause.is_quiet(now) => pause.retry_at,
            _ => return,
        };
        let wait: Duration = retry_at.saturating_duration_since(now);
        let (code, reason) = publication
            .last()
            .map_or((503, Arc::from(reason_phrase(503))), |last| {
                (last.code, last.reason)
            });
        let server = core
            .hops
            .peek(publication.next_hop)
            .and_then(crate::next_hop::NextHop::peek);
        let failure = Failure {
            code,
            reason,
            retry_after: Some(whole_seconds(wait)),
            ..Failure::local(
                code,
                server,
                "not sent yet: the server said so before and asked to be left alone until then".to_owned(),
            )
        };
        let next = publication.next_at(retry_at);
        let outcome = outcome(core, &failure, publication, next);
        let patient = self.detach_patient(index, retry_at);
        self.answer(core, index, u64::MAX, outcome);
        if let Some(publication) = self.publications.get_mut(index as usize) {
            publication.waiters().extend(patient);
        }
    }
}

/// How an exchange without success leaves the publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Waiting(Pause),
    Refused,
}
