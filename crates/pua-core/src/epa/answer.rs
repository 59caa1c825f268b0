//! Final responses to PUBLISH: what each means for the publication (RFC 3903 §4 and §5).

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_transaction::Hop;
use sip_wire::{DeltaSeconds, EntityTag, HeaderName, Message, StatusLine};

use super::{Epa, OVERSHOOT};
use crate::auth::Unanswered;
use crate::core::Core;
use crate::failure::Failure;
use crate::next_hop::NextHop;
use crate::output::{Event, FailureOrigin, Next, Outcome, Output};
use crate::owner::Owner;
use crate::publication::response::Verdict;
use crate::publication::{Cause, Exchange, Granted, Operation, Pause, Standing, State};
use crate::record::Change;
use crate::request::next_cseq;
use crate::schedule::{Patience, obeyed, refresh_after};

impl Epa {
    /// Takes in the final response that ended a transaction.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        core: &mut Core,
        owner: Owner,
        hop: Hop,
        status: &StatusLine<'_>,
        message: &Message<'_>,
    ) {
        let Owner { index, serial, .. } = owner;
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let own = publication.next_hop;
        let Some(exchange) = publication.exchange(serial) else {
            return;
        };
        let next_hop = exchange.passage.next_hop(own);
        let verdict = Verdict::of(status.code);
        let sent_at = exchange.sent_at;
        if let Some(hop_state) = core.hops.get(next_hop) {
            match verdict {
                Verdict::ServerUnavailable => hop_state.window.fell_behind(now, sent_at),
                _ => {
                    let trip = now.saturating_duration_since(sent_at);
                    hop_state.window.answered(trip, core.config.timers.t1);
                }
            }
        }
        let was_down = core.hops.peek(next_hop).is_some_and(NextHop::is_down);
        // Any answer but 503 shows that the server is there.
        if verdict != Verdict::ServerUnavailable
            && core
                .hops
                .get(next_hop)
                .is_some_and(|hop_state| hop_state.answered(hop.addr.ip()))
        {
            self.server_is_back(now, core, next_hop, was_down);
        }
        let failure = || Failure::response(status.code, status.reason, message, hop);
        match verdict {
            Verdict::Granted => self.granted(now, core, index, next_hop, hop, status, message),
            Verdict::Challenged => self.challenged(now, core, index, next_hop, message, failure()),
            Verdict::Forgotten => self.forgotten(now, core, index, next_hop, hop, failure()),
            Verdict::TooBrief => self.too_brief(now, core, index, next_hop, message, failure()),
            Verdict::Redirected => self.redirected(now, core, index, message, failure()),
            Verdict::ServerUnavailable => {
                let failure = failure();
                let wait = failure.retry_after.map(obeyed);
                if let Some(exchange) = self.exchange(index) {
                    exchange.passage.unavailable(now, core, next_hop, hop, wait);
                }
                self.attempt(now, core, index, Some(failure));
            }
            Verdict::TryLater | Verdict::NotServed | Verdict::RefusedUnlessRetryAfter | Verdict::Refused => {
                let failure = failure().explained("PUBLISH", message);
                self.fail(now, core, index, failure);
            }
        }
    }

    pub(super) fn exchange(&mut self, index: u32) -> Option<&mut Exchange> {
        match self
            .publications
            .get_mut(index as usize)
            .map(|publication| &mut publication.state)
        {
            Some(State::Requesting(exchange)) => Some(exchange),
            _ => None,
        }
    }

    /// Sends the exchange's request once more, changed: a new request with the next CSeq.
    pub(super) fn again(&mut self, now: Instant, core: &mut Core, index: u32) {
        if let Some(publication) = self.publications.get_mut(index as usize) {
            publication.cseq = next_cseq(publication.cseq);
            if let State::Requesting(exchange) = &mut publication.state {
                exchange.passage.again();
                if exchange.cause == Cause::Ourselves
                    && let Some(hop) = core.hops.get(exchange.passage.next_hop(publication.next_hop))
                {
                    hop.once_more(now);
                }
            }
        }
        self.attempt(now, core, index, None);
    }

    /// 2xx.
    #[allow(clippy::too_many_arguments)] // one call, from the dispatch above
    fn granted(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        next_hop: u32,
        hop: Hop,
        status: &StatusLine<'_>,
        message: &Message<'_>,
    ) {
        let etag = entity_tag(message);
        let told = message
            .headers
            .get(HeaderName::Expires)
            .and_then(DeltaSeconds::parse)
            .map(|expires| expires.0);
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        exchange.passage.accepted(core, next_hop, message);
        let asked = exchange.expires;
        let covered = exchange.revision;
        let sent_at = exchange.sent_at;
        let removal = matches!(exchange.operation, Operation::Remove(_));
        let has_body = exchange.operation.has_body();
        let is_first = exchange.operation == Operation::Initial;
        let kept = match (&etag, &exchange.operation) {
            // A tag that cannot be used: the old one stands, and a 412 heals it (R3903-46).
            (None, Operation::Refresh(old) | Operation::Modify(old)) => Some(Arc::from(&**old)),
            _ => etag.clone(),
        };
        let recovered = exchange.forgotten || publication.standing == Standing::Lost;
        exchange.passage.end(core);
        if !is_first && let Some(hop_state) = core.hops.get(next_hop) {
            hop_state.remembered();
        }
        let reason = core.reason(status.code, status.reason);
        publication.set_last(now, status.code, &reason);
        publication.failures = 0;
        if told.is_none() && !removal {
            core.counters.responses_without_expires += 1;
        }
        if etag.is_none() && !removal {
            core.counters.responses_without_etag += 1;
        }
        let told = told.unwrap_or(asked);
        let mut outcome = Outcome {
            code: status.code,
            reason,
            origin: FailureOrigin::Server,
            etag,
            expires: Some(told),
            detail: None,
            warning: None,
            retry_after: None,
            allow_events: None,
            next: Next::Held,
            server: Some(hop),
            call_id: Arc::default(),
            cseq: publication.cseq,
        };
        if removal {
            self.removed(now, core, index, covered, outcome);
            return;
        }
        if told == 0 {
            // Gone as soon as it was there (R3903-36): as if it had failed.
            publication.granted = None;
            let retry_at = Self::retry_at(now, core, publication, Patience::Outage);
            publication.state = State::Waiting(Pause::ours(now, retry_at, Cause::Ourselves));
            publication.standing = Standing::Lost;
            let key = publication.key;
            let cseq = publication.cseq;
            outcome.next = publication.next_at(retry_at);
            outcome.etag = None;
            outcome.detail = Some("the server accepted it, but for no time at all".to_owned());
            let change = Change::Granted {
                key,
                etag: None,
                expires_at: None,
                surplus: 0,
                revision: 0,
                cseq,
                setback: None,
            };
            core.persist(change);
            self.answer(core, index, covered, outcome);
            self.arm(index);
            self.release(core, index);
            return;
        }
        let granted = told.min(asked);
        let expires_at = sent_at + Duration::from_secs(u64::from(granted));
        publication.granted = Some(Granted {
            etag: kept.as_deref().map(Box::from),
            expires: granted,
            surplus: told - granted,
            expires_at,
            revision: covered,
        });
        publication.standing = Standing::Held;
        let (key, cseq) = (publication.key, publication.cseq);
        let name = &publication.name;
        if recovered {
            core.counters.recovered += 1;
            let event = Event::Recovered {
                name: name.clone(),
                etag: kept.clone(),
                expires: granted,
            };
            core.outputs.push_back(Output::Event(event));
        } else if has_body {
            let event = Event::Granted {
                name: name.clone(),
                etag: kept.clone(),
                expires: granted,
            };
            core.outputs.push_back(Output::Event(event));
        }
        let change = Change::Granted {
            key,
            etag: kept,
            expires_at: Some(expires_at),
            surplus: told - granted,
            revision: covered,
            cseq,
            setback: None,
        };
        core.persist(change);
        let behind = publication.is_behind();
        // What lasts to the end needs no refresh.
        let until = publication.until();
        let lasts = until.is_some_and(|until| expires_at + OVERSHOOT >= until);
        let refresh_at = (!lasts).then(|| sent_at + refresh_after(granted, core.random.fraction()));
        publication.state = State::Published { refresh_at };
        self.answer(core, index, covered, outcome);
        self.arm(index);
        self.release(core, index);
        if behind {
            self.enqueue(now, core, index, Cause::Application);
        }
    }

    /// The server has nothing of the publication any more, as was wanted.
    fn removed(&mut self, now: Instant, core: &mut Core, index: u32, covered: u64, mut outcome: Outcome) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        publication.granted = None;
        if !publication.intent.wanted.stands() {
            let ending = publication.ending();
            outcome.next = Next::Ended;
            self.answer(core, index, covered, outcome);
            self.end(core, index, ending);
            return;
        }
        // The application has changed its mind since; for who wanted it removed that was it.
        outcome.next = Next::Ended;
        publication.state = State::Published { refresh_at: None };
        publication.standing = Standing::New;
        let change = Change::Granted {
            key: publication.key,
            etag: None,
            expires_at: None,
            surplus: 0,
            revision: 0,
            cseq: publication.cseq,
            setback: None,
        };
        core.persist(change);
        self.answer(core, index, covered, outcome);
        self.release(core, index);
        self.enqueue(now, core, index, Cause::Application);
    }

    /// 401 and 407 (RFC 3261 §22): the same request with credentials.
    fn challenged(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        next_hop: u32,
        message: &Message<'_>,
        failure: Failure,
    ) {
        let Some(exchange) = self.exchange(index) else {
            return;
        };
        match exchange.passage.challenged(core, next_hop, message) {
            Ok(()) => self.again(now, core, index),
            Err(why) => {
                let stale = why == Unanswered::TooManyRounds;
                let failure = failure.because(why.to_string());
                self.fail(now, core, index, Failure { stale, ..failure });
            }
        }
    }

    /// 412 (RFC 3903 §4.1, §5): the entity-tag is worth nothing any more. What is wanted goes out
    /// at once, whole.
    fn forgotten(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        next_hop: u32,
        hop: Hop,
        failure: Failure,
    ) {
        core.counters.responses_412 += 1;
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        match exchange.operation {
            Operation::Initial => {
                let failure = failure.because("the server refuses a condition that was not made");
                self.fail(now, core, index, failure);
            }
            Operation::Remove(_) => {
                let covered = exchange.revision;
                let outcome = Outcome {
                    code: 200,
                    reason: Arc::from("OK"),
                    origin: FailureOrigin::Server,
                    etag: None,
                    expires: Some(0),
                    detail: Some(format!(
                        "the server did not hold it any more: {} {}",
                        failure.code, failure.reason
                    )),
                    warning: None,
                    retry_after: None,
                    allow_events: None,
                    next: Next::Ended,
                    server: Some(hop),
                    call_id: core.call_id_of(publication.key),
                    cseq: publication.cseq,
                };
                self.removed(now, core, index, covered, outcome);
            }
            Operation::Refresh(_) | Operation::Modify(_) => {
                publication.granted = None;
                exchange.forgotten = true;
                let (key, cseq) = (publication.key, publication.cseq);
                let change = Change::Granted {
                    key,
                    etag: None,
                    expires_at: None,
                    surplus: 0,
                    revision: 0,
                    cseq,
                    setback: None,
                };
                core.persist(change);
                let swept = core.hops.get(next_hop).is_some_and(NextHop::forgot);
                if !publication.intent.wanted.stands() {
                    // Withdrawn in the meantime, and there is nothing left to withdraw.
                    let ending = publication.ending();
                    self.end(core, index, ending);
                } else {
                    exchange.operation = Operation::Initial;
                    self.load(now, core, index);
                    self.again(now, core, index);
                }
                if swept {
                    self.sweep(now, core, next_hop);
                }
            }
        }
    }

    /// A server that has lost its state is told all of it again, now and at the paced rate,
    /// instead of when each refresh is due.
    fn sweep(&mut self, now: Instant, core: &mut Core, next_hop: u32) {
        let held: Vec<u32> = self
            .publications
            .iter()
            .filter(|(_, p)| p.next_hop == next_hop && matches!(p.state, State::Published { .. }))
            .map(|(index, _)| index as u32)
            .collect();
        for index in held {
            self.enqueue(now, core, index, Cause::Ourselves);
        }
    }

    /// A server that had not been answering does: what waits for it goes now, at the paced rate. If
    /// it `was_down`: else one that is told 503 again while others are answered would be sent with
    /// each answer of theirs.
    fn server_is_back(&mut self, now: Instant, core: &mut Core, next_hop: u32, was_down: bool) {
        let waiting: Vec<u32> = self
            .publications
            .iter()
            .filter(|(_, p)| {
                p.next_hop == next_hop
                    && p.patience == Patience::Outage
                    && p.failures > 0
                    && (was_down || p.failures == 1 || p.last_code() != Some(503))
                    && matches!(&p.state, State::Waiting(pause) if !pause.is_quiet(now))
            })
            .map(|(index, _)| index as u32)
            .collect();
        for index in waiting {
            self.enqueue(now, core, index, Cause::Ourselves);
        }
        core.hops.wake(next_hop);
    }

    /// 423 (RFC 3903 §5): once more, for longer; the publication still ends when it was to.
    fn too_brief(
        &mut self,
        now: Instant,
        core: &mut Core,
        index: u32,
        next_hop: u32,
        message: &Message<'_>,
        failure: Failure,
    ) {
        let Some(publication) = self.publications.get_mut(index as usize) else {
            return;
        };
        let package = publication.name.package.clone();
        let State::Requesting(exchange) = &mut publication.state else {
            return;
        };
        match exchange
            .passage
            .too_brief(core, next_hop, &package, exchange.expires, message)
        {
            Ok(least) => {
                exchange.expires = least;
                self.again(now, core, index);
            }
            Err(why) => self.fail(now, core, index, failure.because(why)),
        }
    }
}

/// The entity-tag of a response, if there is exactly one and it is a token (RFC 3903 §11.3.1).
fn entity_tag(message: &Message<'_>) -> Option<Arc<str>> {
    let mut rows = message.headers.all(HeaderName::SipETag);
    let row = rows.next()?;
    if rows.next().is_some() {
        return None;
    }
    EntityTag::parse(row).map(|etag| Arc::from(etag.as_str()))
}
