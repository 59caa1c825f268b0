//! The bytes of a PUBLISH (RFC 3903 §4, RFC 3261 §8.1.1).

use sip_wire::{HeaderName, Method, Printer};

use crate::publication::HeldDocument;

/// The largest datagram that IP can carry, less its own headers.
pub(crate) const DATAGRAM: usize = 65_507;

/// CSeq numbers stay below 2^31 (RFC 3261 §8.1.1.5).
pub(crate) const LAST_CSEQ: u32 = 0x7fff_fffe;

/// The CSeq number of the next request.
pub(crate) fn next_cseq(cseq: u32) -> u32 {
    if cseq >= LAST_CSEQ { 1 } else { cseq + 1 }
}

/// Everything that a PUBLISH says.
pub(crate) struct PublishRequest<'a> {
    pub(crate) request_uri: &'a str,
    /// The presentity: To, and From, since we publish for it.
    pub(crate) presentity: &'a str,
    pub(crate) transport: &'a str,
    pub(crate) sent_by: &'a str,
    pub(crate) branch: &'a str,
    /// A loose router to go through.
    pub(crate) route: Option<&'a str>,
    pub(crate) from_tag: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: u32,
    pub(crate) event: &'a str,
    pub(crate) expires: u32,
    pub(crate) if_match: Option<&'a str>,
    /// Complete rows of credentials.
    pub(crate) credentials: &'a [u8],
    pub(crate) user_agent: &'a str,
    /// Complete rows of the application.
    pub(crate) headers: &'a str,
    pub(crate) document: Option<&'a HeldDocument>,
}

impl PublishRequest<'_> {
    /// Appends the message to `out`.
    pub(crate) fn print(&self, out: &mut Vec<u8>) {
        let mut printer = Printer::request(out, Method::Publish, self.request_uri);
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
        if let Some(route) = self.route {
            printer.parts(HeaderName::Route, &["<", route, ">"]);
        }
        printer
            .parts(HeaderName::From, &["<", self.presentity, ">;tag=", self.from_tag])
            .parts(HeaderName::To, &["<", self.presentity, ">"])
            .header(HeaderName::CallId, self.call_id)
            .cseq(self.cseq, Method::Publish)
            .header(HeaderName::Event, self.event)
            .number(HeaderName::Expires, u64::from(self.expires), "");
        if let Some(etag) = self.if_match {
            printer.header(HeaderName::SipIfMatch, etag);
        }
        printer.verbatim(self.credentials);
        if !names(self.headers, "User-Agent") {
            printer.header(HeaderName::UserAgent, self.user_agent);
        }
        printer.verbatim(self.headers.as_bytes());
        match self.document {
            Some(document) if !document.body.is_empty() => {
                printer.body(Some(&document.content_type), &document.body);
            }
            _ => printer.body(None, b""),
        }
    }
}

/// Whether the rows have a header of this name.
pub(crate) fn names(rows: &str, name: &str) -> bool {
    !rows.is_empty()
        && rows.split("\r\n").any(|row| {
            row.split(':')
                .next()
                .is_some_and(|n| n.trim().eq_ignore_ascii_case(name))
        })
}
