//! What every request goes through first (RFC 3261 §8.2), and how responses are written.

use std::time::Instant;

use sip_digest::{Ha1, SignedRequest, Verdict};
use sip_transaction::Flow;
use sip_wire::typed::{DeltaSeconds, EventHeader};
use sip_wire::{Essentials, HeaderName, Message, Method, Printer, Uri};

use crate::server::Server;
use crate::store::{EntityTag, ResourceId};
use crate::subscription::SubscriptionId;

/// The methods served.
pub(crate) const ALLOW: &str = "PUBLISH, SUBSCRIBE, OPTIONS";

/// A request that is worth an answer.
pub(crate) struct Request<'a> {
    pub(crate) message: &'a Message<'a>,
    pub(crate) essentials: Essentials<'a>,
    pub(crate) method: Method<'a>,
    /// The Request-URI as it stands.
    pub(crate) uri_text: &'a str,
    pub(crate) flow: &'a Flow,
}

/// What is answered.
pub(crate) enum Reply {
    /// 200 to PUBLISH.
    Published {
        tag: EntityTag,
        expires: u32,
        /// The resource whose state is another now.
        changed: Option<ResourceId>,
    },
    /// 200 to SUBSCRIBE.
    Subscribed {
        subscription: SubscriptionId,
        expires: u32,
        /// It made the dialog.
        initial: bool,
    },
    /// 200 to OPTIONS.
    Capabilities,
    /// 200 to CANCEL, which has no effect on what is answered already.
    Canceled,
    Refused(Refusal),
}

/// A response other than 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) with: With,
}

/// The header that explains a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum With {
    Nothing,
    Allow,
    AllowEvents,
    Accept(&'static str),
    AcceptEncoding,
    Unsupported(String),
    MinExpires(u32),
    RetryAfter(u32),
    Challenge { stale: bool },
}

pub(crate) fn refuse(code: u16, reason: &'static str) -> Refusal {
    refuse_with(code, reason, With::Nothing)
}

pub(crate) fn refuse_with(code: u16, reason: &'static str, with: With) -> Refusal {
    Refusal { code, reason, with }
}

impl<'a> Request<'a> {
    /// The value of a header, unfolded.
    pub(crate) fn text(&self, name: HeaderName) -> Option<std::borrow::Cow<'a, str>> {
        self.message.headers.text(name)
    }
}

impl Server {
    /// RFC 3261 §8.2 for a request that is not a repetition.
    pub(crate) fn serve(&mut self, now: Instant, request: &Request<'_>) -> Reply {
        if request.method == Method::Cancel {
            // RFC 3261 §9.2.
            return if self.servers.knows_target_of(request.message, &request.essentials) {
                Reply::Canceled
            } else {
                Reply::Refused(refuse(481, "Call/Transaction Does Not Exist"))
            };
        }
        let outcome = self.inspect(request).and_then(|uri| match request.method {
            Method::Publish => self.publish(now, request, &uri),
            Method::Subscribe => self.subscribe(now, request, &uri),
            // Only OPTIONS is left, see `inspect`.
            _ => self.options(request),
        });
        outcome.unwrap_or_else(Reply::Refused)
    }

    /// Method, extensions, Request-URI (§8.2.1, §8.2.2).
    fn inspect<'a>(&self, request: &Request<'a>) -> Result<Uri<'a>, Refusal> {
        match request.method {
            Method::Publish | Method::Subscribe | Method::Options => {}
            Method::Other(_) => return Err(refuse_with(501, "Not Implemented", With::Allow)),
            _ => return Err(refuse_with(405, "Method Not Allowed", With::Allow)),
        }
        let unsupported: Vec<_> = request
            .message
            .headers
            .list(HeaderName::Require)
            .map(|tag| String::from_utf8_lossy(tag).into_owned())
            .collect();
        if !unsupported.is_empty() {
            return Err(refuse_with(
                420,
                "Bad Extension",
                With::Unsupported(unsupported.join(", ")),
            ));
        }
        let scheme_end = request.uri_text.find(':').unwrap_or(0);
        let scheme = request.uri_text.get(..scheme_end).unwrap_or_default();
        if !["sip", "sips", "pres"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Err(refuse(416, "Unsupported URI Scheme"));
        }
        Uri::parse(request.uri_text).map_err(|fault| refuse(400, fault.reason()))
    }

    /// RFC 3903 §7, RFC 3261 §11.2.
    fn options(&self, request: &Request<'_>) -> Result<Reply, Refusal> {
        if request.essentials.to_tag.is_some() && self.dialog(request).is_none() {
            return Err(refuse(481, "Subscription Does Not Exist"));
        }
        Ok(Reply::Capabilities)
    }

    /// RFC 3903 §6 step 1: whether the resource is one of ours.
    pub(crate) fn check_domain(&self, uri: &Uri<'_>) -> Result<(), Refusal> {
        if self.config.domains.is_empty() {
            return Ok(());
        }
        let host = uri.host.to_string().to_ascii_lowercase();
        if self.config.domains.contains(&host) {
            Ok(())
        } else {
            Err(refuse(404, "Not Found"))
        }
    }

    /// RFC 3261 §22.2. Done if `wanted` is false or nobody is asked for credentials.
    pub(crate) fn authenticate(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        wanted: bool,
    ) -> Result<(), Refusal> {
        let (Some(challenger), Some(auth)) = (&mut self.challenger, &self.config.auth) else {
            return Ok(());
        };
        if !wanted {
            return Ok(());
        }
        let signed = SignedRequest {
            method: request.method.as_str(),
            uri: request.uri_text,
            body: request.message.body,
        };
        let rows = request.message.headers.all(HeaderName::Authorization);
        let mut used = None;
        let verdict = challenger.verify(now, rows, &signed, |name, algorithm| {
            let (_, password) = auth.users.iter().find(|(known, _)| known == name)?;
            used = Some(Ha1::new(algorithm.hash(), name, &auth.realm, password));
            used
        });
        let stale = match (verdict, used) {
            (Verdict::Accepted(_), Some(ha1)) if auth.authentication_info => {
                let rows = request.message.headers.all(HeaderName::Authorization);
                self.authentication_info = challenger.authentication_info(now, rows, b"", &ha1, true);
                return Ok(());
            }
            (Verdict::Accepted(_), _) => return Ok(()),
            (Verdict::Stale, _) => true,
            (Verdict::Denied | Verdict::Missing, _) => false,
        };
        Err(refuse_with(401, "Unauthorized", With::Challenge { stale }))
    }

    /// The event type and the `id` parameter of the Event header (RFC 6665 §8.2.1).
    pub(crate) fn event<'a>(&self, request: &Request<'a>) -> Result<EventHeader<'a>, Refusal> {
        let bad_event = || refuse_with(489, "Bad Event", With::AllowEvents);
        // A repeated one was refused with 400 before.
        let value = request
            .message
            .headers
            .get(HeaderName::Event)
            .ok_or_else(bad_event)?;
        let event = EventHeader::parse(value).map_err(|_| bad_event())?;
        if !self.config.packages.contains(event.package) {
            return Err(bad_event());
        }
        Ok(event)
    }

    /// The requested lifetime. A malformed one counts as none (RFC 3261 §20.19).
    pub(crate) fn asked_expires(request: &Request<'_>) -> Option<u32> {
        let value = request.message.headers.get(HeaderName::Expires)?;
        DeltaSeconds::parse(value).map(|DeltaSeconds(seconds)| seconds)
    }

    /// Writes what is particular to a reply, after the rows copied from the request.
    pub(crate) fn write_reply(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        reply: &Reply,
        out: &mut Printer<'_>,
    ) {
        match reply {
            Reply::Published { tag, expires, .. } => {
                out.number(HeaderName::Expires, u64::from(*expires), "");
                out.header(HeaderName::SipETag, tag.as_bytes());
            }
            Reply::Subscribed { expires, initial, .. } => {
                if *initial {
                    out.copy(HeaderName::RecordRoute, &request.message.headers);
                }
                let contact = self.contact(request.flow);
                out.header(HeaderName::Contact, contact);
                out.number(HeaderName::Expires, u64::from(*expires), "");
            }
            Reply::Capabilities => {
                out.header(HeaderName::Allow, ALLOW);
                out.header(HeaderName::AllowEvents, self.config.packages.allow_events());
                out.header(
                    HeaderName::Accept,
                    "application/pidf+xml, application/dialog-info+xml, application/simple-message-summary",
                );
                out.header(HeaderName::AcceptEncoding, "identity");
                out.header(HeaderName::AcceptLanguage, "en");
            }
            Reply::Canceled => {}
            Reply::Refused(refusal) => self.write_refusal(now, &refusal.with, out),
        }
        let proof = self.authentication_info.take();
        if let (Some(proof), false) = (proof, matches!(reply, Reply::Refused(_))) {
            out.header(HeaderName::AuthenticationInfo, proof);
        }
        if let Some(server) = &self.config.server_header {
            out.header(HeaderName::Server, server);
        }
    }

    fn write_refusal(&mut self, now: Instant, with: &With, out: &mut Printer<'_>) {
        match with {
            With::Nothing => out,
            With::Allow => out.header(HeaderName::Allow, ALLOW),
            With::AllowEvents => out.header(HeaderName::AllowEvents, self.config.packages.allow_events()),
            With::Accept(types) => out.header(HeaderName::Accept, types),
            With::AcceptEncoding => out.header(HeaderName::AcceptEncoding, "identity"),
            With::Unsupported(tags) => out.header(HeaderName::Unsupported, tags),
            With::MinExpires(seconds) => out.number(HeaderName::MinExpires, u64::from(*seconds), ""),
            With::RetryAfter(seconds) => out.number(HeaderName::RetryAfter, u64::from(*seconds), ""),
            With::Challenge { stale } => {
                let rows = self
                    .challenger
                    .iter_mut()
                    .flat_map(|challenger| challenger.challenges(now, *stale));
                for row in rows {
                    out.header(HeaderName::WwwAuthenticate, row);
                }
                out
            }
        };
    }
}
