//! The bytes of a SUBSCRIBE (RFC 6665 §3.1, §4.1; RFC 3261 §8.1.1, §12.2.1.1).

use std::fmt::Write as _;
use std::sync::Arc;

use event_packages::Package;
use sip_wire::{HeaderName, Method, NameAddr, Printer, Uri};

use crate::passage::bare;
use crate::request::names;

/// Everything that a SUBSCRIBE says.
pub(super) struct SubscribeRequest<'a> {
    pub(super) request_uri: &'a str,
    /// The presentity: To.
    pub(super) presentity: &'a str,
    /// The watcher: From.
    pub(super) watcher: &'a str,
    pub(super) transport: &'a str,
    pub(super) sent_by: &'a str,
    pub(super) branch: &'a str,
    /// Complete rows of Route.
    pub(super) routes: &'a [&'a str],
    pub(super) from_tag: &'a str,
    /// The tag of a dialog.
    pub(super) to_tag: Option<&'a str>,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
    pub(super) event: &'a str,
    pub(super) expires: u32,
    pub(super) accept: Option<&'a str>,
    /// Whether resource lists are offered (RFC 4662 §4.1).
    pub(super) eventlist: bool,
    /// RFC 5839 §5.2
    pub(super) suppress_if_match: Option<&'a str>,
    /// `sip:...`: where NOTIFYs shall go.
    pub(super) contact: &'a str,
    /// Complete rows of credentials.
    pub(super) credentials: &'a [u8],
    pub(super) user_agent: &'a str,
    /// Complete rows of the application.
    pub(super) headers: &'a str,
    /// A list of presentities (RFC 5367).
    pub(super) list: Option<&'a str>,
}

impl SubscribeRequest<'_> {
    /// Appends the message to `out`.
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        let mut printer = Printer::request(out, Method::Subscribe, self.request_uri);
        printer
            .parts(
                HeaderName::Via,
                &[
                    "SIP/2.0/",
                    self.transport,
                    " ",
                    self.sent_by,
                    ";branch=",
                    self.branch,
                    ";rport",
                ],
            )
            .header(HeaderName::MaxForwards, "70");
        for route in self.routes {
            printer.header(HeaderName::Route, route);
        }
        printer.parts(HeaderName::From, &["<", self.watcher, ">;tag=", self.from_tag]);
        match self.to_tag {
            Some(tag) => printer.parts(HeaderName::To, &["<", self.presentity, ">;tag=", tag]),
            None => printer.parts(HeaderName::To, &["<", self.presentity, ">"]),
        };
        printer
            .header(HeaderName::CallId, self.call_id)
            .cseq(self.cseq, Method::Subscribe)
            .parts(HeaderName::Contact, &["<", self.contact, ">"])
            .header(HeaderName::Event, self.event)
            .number(HeaderName::Expires, u64::from(self.expires), "");
        if let Some(accept) = self.accept {
            printer.header(HeaderName::Accept, accept);
        }
        if self.eventlist {
            printer.header(HeaderName::Supported, "eventlist");
        }
        if self.list.is_some() {
            printer
                .header(HeaderName::Require, "recipient-list-subscribe")
                .raw_header("Content-Disposition", "recipient-list");
        }
        if let Some(etag) = self.suppress_if_match {
            printer.raw_header("Suppress-If-Match", etag);
        }
        printer.verbatim(self.credentials);
        if !names(self.headers, "User-Agent") {
            printer.header(HeaderName::UserAgent, self.user_agent);
        }
        printer.verbatim(self.headers.as_bytes());
        match self.list {
            Some(list) => printer.body(Some("application/resource-lists+xml"), list.as_bytes()),
            None => printer.body(None, b""),
        }
    }
}

/// The media types of a resource list (RFC 4662 §4.5).
const LIST_TYPES: &str = "multipart/related, application/rlmi+xml";

/// What a subscription to a package takes in NOTIFYs.
pub(super) struct Accepted {
    /// The package's own type; `None`: whatever comes, since the package is not known.
    pub(super) content_type: Option<&'static str>,
    /// Resource lists as well.
    pub(super) lists: bool,
}

impl Accepted {
    pub(super) fn of(package: &str, eventlist: bool) -> Self {
        let known = Package::parse(package)
            .ok()
            .and_then(|package| package.registration());
        let content_type = known.and_then(|known| known.content_type);
        Accepted {
            content_type,
            // Who watches is told of one resource (RFC 3857 §4.1).
            lists: eventlist
                && content_type.is_some()
                && known.is_some_and(|known| !known.name.ends_with(".winfo")),
        }
    }

    /// The value of Accept; `None`: no such header.
    pub(super) fn header(&self) -> Option<String> {
        let own = self.content_type?;
        Some(if self.lists {
            format!("{own}, {LIST_TYPES}")
        } else {
            own.to_owned()
        })
    }

    /// Whether a body of this type can be taken; only type and subtype count.
    pub(super) fn takes(&self, content_type: &str) -> bool {
        let Some(own) = self.content_type else {
            return true;
        };
        let bare = content_type.split(';').next().unwrap_or("").trim();
        bare.eq_ignore_ascii_case(own)
            || (self.lists
                && (bare.eq_ignore_ascii_case("multipart/related")
                    || bare.eq_ignore_ascii_case("application/rlmi+xml")))
    }
}

/// Request-URI and Route rows of a request in a dialog (RFC 3261 §12.2.1.1): the notifier's
/// target and the route set, or, when the first router is a strict one, the router's URI and the
/// target last.
pub(super) fn in_dialog<'a>(
    target: &'a str,
    routes: &'a [Box<str>],
) -> (String, Vec<std::borrow::Cow<'a, str>>) {
    use std::borrow::Cow;
    let first = routes
        .first()
        .and_then(|route| NameAddr::parse(route.as_bytes()).ok());
    match first {
        Some(router) if !router.uri().is_ok_and(|uri| uri.is_loose_route()) => {
            let uri = without_headers(router.uri);
            let mut rows: Vec<Cow<'a, str>> = routes
                .iter()
                .skip(1)
                .map(|route| Cow::Borrowed(&**route))
                .collect();
            rows.push(Cow::Owned(format!("<{target}>")));
            (uri, rows)
        }
        _ => (
            without_headers(target),
            routes.iter().map(|route| Cow::Borrowed(&**route)).collect(),
        ),
    }
}

/// A URI without what a Request-URI may not have (RFC 3261 §19.1.1): `method` and headers.
fn without_headers(uri: &str) -> String {
    bare(uri).unwrap_or_else(|| uri.to_owned())
}

/// Where a request in a dialog is sent: the first router, else the target.
pub(super) fn first_hop<'a>(target: &'a str, routes: &'a [Box<str>]) -> Option<Uri<'a>> {
    match routes.first() {
        Some(route) => NameAddr::parse(route.as_bytes()).ok()?.uri().ok(),
        None => Uri::parse(target).ok(),
    }
}

/// A flat list of presentities (RFC 5367 §3.2, RFC 4826).
pub(super) fn resource_lists(members: &[Arc<str>]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\r\n <list>\r\n",
    );
    for member in members {
        out.push_str("  <entry uri=\"");
        for c in member.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                c if c.is_control() => {
                    let _ = write!(out, "%{:02X}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        out.push_str("\"/>\r\n");
    }
    out.push_str(" </list>\r\n</resource-lists>\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(all: &[&str]) -> Vec<Box<str>> {
        all.iter().map(|route| Box::from(*route)).collect()
    }

    /// R6665-13: loose routers: the target is the Request-URI, the route set is copied in order.
    #[test]
    fn r6665_13_loose_route() {
        let routes = routes(&["<sip:p1;lr>", "<sip:p2;lr>"]);
        let (uri, rows) = in_dialog("sip:n@192.0.2.1", &routes);
        assert_eq!(uri, "sip:n@192.0.2.1");
        assert_eq!(rows, ["<sip:p1;lr>", "<sip:p2;lr>"]);
    }

    /// R6665-13: a strict router becomes the Request-URI, the target the last Route.
    #[test]
    fn r6665_13_strict_route() {
        let routes = routes(&["<sip:p1>", "<sip:p2;lr>"]);
        let (uri, rows) = in_dialog("sip:n@192.0.2.1", &routes);
        assert_eq!(uri, "sip:p1");
        assert_eq!(rows, ["<sip:p2;lr>", "<sip:n@192.0.2.1>"]);
    }

    /// R6665-04: the package's own type is always among those accepted; R4662-01: lists where
    /// they are offered.
    #[test]
    fn r6665_04_accept_of_every_package() {
        for known in event_packages::registrations() {
            let Some(own) = known.content_type else { continue };
            let name = known.name.strip_prefix('.').map_or_else(
                || known.name.to_owned(),
                |template| format!("presence.{template}"),
            );
            for offered in [false, true] {
                let accepted = Accepted::of(&name, offered);
                assert!(accepted.header().unwrap().contains(own), "{name}");
                assert!(accepted.takes(own));
            }
        }
        let lists = Accepted::of("presence", true);
        assert_eq!(
            lists.header().unwrap(),
            "application/pidf+xml, multipart/related, application/rlmi+xml"
        );
        assert!(lists.takes("Multipart/Related;type=\"application/rlmi+xml\";boundary=b"));
        assert!(!Accepted::of("presence", false).takes("multipart/related;boundary=b"));
        assert!(Accepted::of("x-unheard-of", true).takes("text/whatever"));
        assert_eq!(Accepted::of("x-unheard-of", true).header(), None);
    }

    /// R5367-01: a flat list, escaped.
    #[test]
    fn r5367_01_resource_lists() {
        let list = resource_lists(&[Arc::from("sip:a@d"), Arc::from("sip:b&c@d")]);
        assert!(list.contains("<entry uri=\"sip:a@d\"/>"));
        assert!(list.contains("sip:b&amp;c@d"));
    }
}
