//! What arrives unasked: OPTIONS is answered, everything else refused as RFC 3261 §8.2 wants it.
//!
//! The order of §8.2: method, header fields, content. Every request is answered at once, so no
//! provisional response is ever owed (RFC 4320), and nothing here sends a request.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sip_transaction::{Flow, Received, ServerKey, ServerTransactions, Transmit, response, response_hop};
use sip_wire::{HeaderName, Host, Message, Method, Printer, Scheme, Uri, reason_phrase};

use crate::config::Config;
use crate::core::Core;
use crate::output::Output;
use crate::subscriber::{Subscriber, contact};

/// The user part of our Contact: requests to another user are not for us.
pub(crate) const CONTACT_USER: &str = "pua";

/// The methods we take.
const ALLOW: &str = "OPTIONS, NOTIFY";

/// Methods that are known but not taken (405); others are not implemented (501).
fn is_known(method: Method<'_>) -> bool {
    !matches!(method, Method::Other(_))
}

/// The user agent server.
pub(crate) struct Uas {
    transactions: ServerTransactions,
    server: Arc<str>,
    limit: usize,
}

impl Uas {
    pub(crate) fn new(now: Instant, core: &mut Core) -> Self {
        Uas {
            transactions: ServerTransactions::new(now, core.config.timers),
            server: core.config.user_agent.clone(),
            limit: core.config.limits.server_transactions,
        }
    }

    pub(crate) fn configure(&mut self, config: &Config) {
        self.server = config.user_agent.clone();
        self.limit = config.limits.server_transactions;
        self.transactions.set_timers(config.timers);
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.transactions.next_due()
    }

    pub(crate) fn transactions(&self) -> usize {
        self.transactions.len()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        while let Some(transmit) = self.transactions.poll(now) {
            core.outputs.push_back(Output::Transmit(transmit));
        }
    }

    /// Takes in a request.
    pub(crate) fn received(
        &mut self,
        now: Instant,
        core: &mut Core,
        subscriber: &mut Subscriber,
        flow: &Flow,
        message: &Message<'_>,
    ) {
        let essentials = match message.essentials() {
            Ok(essentials) => essentials,
            Err(fault) => {
                core.counters.malformed += 1;
                let (code, reason) = match message.request() {
                    Some(line) if !line.version_ok => (505, reason_phrase(505)),
                    _ => (400, fault.reason()),
                };
                return self.refuse(core, flow, message, code, reason);
            }
        };
        // A notifier's news is worth more than an answer that was given long ago, and a NOTIFY
        // whose answer is forgotten is known by its CSeq number.
        if self.transactions.len() >= self.limit && !self.transactions.forget_oldest() {
            return;
        }
        let key = match self.transactions.receive(now, message, &essentials, flow) {
            Received::Fresh(key) => key,
            Received::Merged(key) => {
                self.respond(now, core, flow, message, key, 482, reason_phrase(482), |_| {});
                return;
            }
            Received::Repeated(transmit) => {
                core.outputs.extend(transmit.map(Output::Transmit));
                return;
            }
            Received::Acknowledgement => return,
        };
        let Some(line) = message.request() else { return };
        if !line.version_ok {
            return self.respond(now, core, flow, message, key, 505, reason_phrase(505), |_| {});
        }
        match line.method {
            Method::Options | Method::Notify => {}
            // §9.2: what it is for has been answered already, and stays so.
            Method::Cancel => {
                let code = match self.transactions.knows_target_of(message, &essentials) {
                    true => 200,
                    false => 481,
                };
                return self.respond(now, core, flow, message, key, code, reason_phrase(code), |_| {});
            }
            method => {
                let code = if is_known(method) { 405 } else { 501 };
                return self.respond(
                    now,
                    core,
                    flow,
                    message,
                    key,
                    code,
                    reason_phrase(code),
                    |printer| {
                        printer.header(HeaderName::Allow, ALLOW);
                    },
                );
            }
        }
        let elsewhere = self.refusal(core, flow, line.uri);
        if elsewhere == Some(416) {
            return self.respond(now, core, flow, message, key, 416, reason_phrase(416), |_| {});
        }
        // §8.2.2.3: of extensions only resource lists are understood, where they were offered
        // (R6665-95).
        let lists = line.method == Method::Notify && core.config.subscribe.eventlist;
        let required: Vec<&str> = message
            .headers
            .list(HeaderName::Require)
            .filter_map(|tag| std::str::from_utf8(tag).ok())
            .filter(|tag| !(tag.is_empty() || lists && tag.eq_ignore_ascii_case("eventlist")))
            .collect();
        if !required.is_empty() {
            let unsupported = required.join(", ");
            return self.respond(
                now,
                core,
                flow,
                message,
                key,
                420,
                reason_phrase(420),
                |printer| {
                    printer.header(HeaderName::Unsupported, &unsupported);
                },
            );
        }
        if let Some(code) = elsewhere {
            return self.respond(now, core, flow, message, key, code, reason_phrase(code), |_| {});
        }
        if line.method == Method::Notify {
            let answer = subscriber.notified(now, core, message, &essentials);
            let contact = answer.makes_dialog.then(|| our_contact(core, flow));
            return self.respond(
                now,
                core,
                flow,
                message,
                key,
                answer.code,
                answer.phrase(),
                |printer| {
                    if let Some(contact) = &contact {
                        printer
                            .copy(HeaderName::RecordRoute, &message.headers)
                            .parts(HeaderName::Contact, &["<", contact, ">"]);
                    }
                    if let Some(accept) = &answer.accept {
                        printer.header(HeaderName::Accept, accept);
                    }
                    if let Some(unsupported) = answer.unsupported {
                        printer.header(HeaderName::Unsupported, unsupported);
                    }
                    if answer.identity_only {
                        printer.header(HeaderName::AcceptEncoding, "identity");
                    }
                },
            );
        }
        // §11.2: within a dialog it is a request like any other (§12.2.2).
        if essentials.to_tag.is_some() {
            let code = subscriber.asked_in_dialog(&essentials);
            if code != 200 {
                return self.respond(now, core, flow, message, key, code, reason_phrase(code), |_| {});
            }
        }
        let lists = core.config.subscribe.eventlist;
        self.respond(now, core, flow, message, key, 200, "OK", |printer| {
            printer
                .header(HeaderName::Allow, ALLOW)
                .parts(
                    HeaderName::Accept,
                    &[ACCEPT, if lists { ACCEPT_LISTS } else { "" }],
                )
                .header(HeaderName::AcceptEncoding, "identity")
                .header(HeaderName::AcceptLanguage, "en")
                .header(HeaderName::Supported, if lists { "eventlist" } else { "" });
        });
    }

    /// Too broken, or too much, for a transaction: answered once, if it can be answered at all.
    pub(crate) fn refuse(
        &mut self,
        core: &mut Core,
        flow: &Flow,
        message: &Message<'_>,
        code: u16,
        reason: &str,
    ) {
        if message.method() == Some(Method::Ack) {
            return;
        }
        let Some(via) = message.answerable() else { return };
        let bytes = self.response(core, flow, message, code, reason, |_| {});
        core.outputs.push_back(Output::Transmit(Transmit {
            hop: response_hop(&via, flow),
            local: Some(flow.local),
            connection: flow.transport.is_reliable().then_some(flow.connection),
            bytes,
        }));
    }

    /// Why a Request-URI is not ours: 416 for a scheme we do not know, 404 for another's
    /// (§8.2.2.1).
    fn refusal(&self, core: &Core, flow: &Flow, uri: &str) -> Option<u16> {
        let Ok(uri) = Uri::parse(uri) else {
            return Some(400);
        };
        match uri.scheme {
            Scheme::Sip | Scheme::Sips => {}
            _ => return Some(416),
        }
        match uri.user {
            Some(CONTACT_USER) => None,
            Some(_) => Some(404),
            // A server's ping has our address and no user.
            None => {
                let ours = match &uri.host {
                    Host::Name(_) => true,
                    Host::V4(_) | Host::V6(_) => {
                        let ip = uri.host.ip();
                        ip == Some(flow.local.ip())
                            || flow.local.ip().is_unspecified()
                            || core.config.advertise.is_some()
                            || core
                                .config
                                .listen
                                .iter()
                                .any(|(_, addr)| Some(addr.ip()) == ip || addr.ip().is_unspecified())
                    }
                };
                (!ours).then_some(404)
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // all of them are the request and what is said to it
    fn respond(
        &mut self,
        now: Instant,
        core: &mut Core,
        flow: &Flow,
        message: &Message<'_>,
        key: ServerKey,
        code: u16,
        reason: &str,
        headers: impl FnOnce(&mut Printer<'_>),
    ) {
        let bytes = self.response(core, flow, message, code, reason, headers);
        core.outputs
            .extend(self.transactions.respond(now, key, bytes).map(Output::Transmit));
    }

    fn response(
        &mut self,
        core: &mut Core,
        flow: &Flow,
        message: &Message<'_>,
        code: u16,
        reason: &str,
        headers: impl FnOnce(&mut Printer<'_>),
    ) -> Bytes {
        let tag = core.random.tag();
        let mut out = Vec::with_capacity(512);
        let mut printer = response(&mut out, code, reason, message, flow, Some(&tag));
        headers(&mut printer);
        printer.header(HeaderName::Server, &*self.server);
        printer.body(None, b"");
        Bytes::from(out)
    }
}

/// The types of documents that are read.
const ACCEPT: &str = "application/pidf+xml, application/dialog-info+xml, application/simple-message-summary, \
                      application/reginfo+xml, application/watcherinfo+xml, application/conference-info+xml, \
                      application/xcap-diff+xml";
/// Those of resource lists, where they are offered (RFC 4662 §4.5).
const ACCEPT_LISTS: &str = ", multipart/related, application/rlmi+xml";

/// Our Contact in the answer to a NOTIFY that has made a dialog: the address it came to.
fn our_contact(core: &mut Core, flow: &Flow) -> String {
    let sent_by = core.sent_by(flow.transport, flow.local.ip());
    contact(flow.transport, &sent_by)
}
