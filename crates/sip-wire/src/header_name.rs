//! The header names that this family of programs looks at, long and compact, as one octet.

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident $text:literal $($compact:literal)?;)*) => {
        /// The name of a header. Everything not listed is [`HeaderName::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        #[allow(missing_docs)] // each is the header of that name
        pub enum HeaderName { $($(#[$doc])* $variant,)* Other }

        const NAMES: &[(HeaderName, &str)] = &[$((HeaderName::$variant, $text),)*];

        impl HeaderName {
            /// The long form as the RFCs print it; empty for [`HeaderName::Other`].
            pub const fn as_str(self) -> &'static str {
                match self { $(HeaderName::$variant => $text,)* HeaderName::Other => "" }
            }

            /// The long form with its colon and a SP.
            pub(crate) const fn prefix(self) -> &'static str {
                match self { $(HeaderName::$variant => concat!($text, ": "),)* HeaderName::Other => "" }
            }

            fn from_compact(c: u8) -> HeaderName {
                match c.to_ascii_lowercase() {
                    $($($compact => HeaderName::$variant,)?)*
                    _ => HeaderName::Other,
                }
            }
        }
    };
}

names! {
    Via "Via" b'v';
    From "From" b'f';
    To "To" b't';
    CallId "Call-ID" b'i';
    CSeq "CSeq";
    MaxForwards "Max-Forwards";
    ContentLength "Content-Length" b'l';
    ContentType "Content-Type" b'c';
    Event "Event" b'o';
    Expires "Expires";
    MinExpires "Min-Expires";
    SipETag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    SubscriptionState "Subscription-State";
    SuppressIfMatch "Suppress-If-Match";
    Contact "Contact" b'm';
    Route "Route";
    RecordRoute "Record-Route";
    RetryAfter "Retry-After";
    Warning "Warning";
    Allow "Allow";
    AllowEvents "Allow-Events" b'u';
    Accept "Accept";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    Supported "Supported" b'k';
    Unsupported "Unsupported";
    Require "Require";
    ProxyRequire "Proxy-Require";
    ContentEncoding "Content-Encoding" b'e';
    ContentDisposition "Content-Disposition";
    ContentLanguage "Content-Language";
    MimeVersion "MIME-Version";
    WwwAuthenticate "WWW-Authenticate";
    ProxyAuthenticate "Proxy-Authenticate";
    Authorization "Authorization";
    ProxyAuthorization "Proxy-Authorization";
    AuthenticationInfo "Authentication-Info";
    ProxyAuthenticationInfo "Proxy-Authentication-Info";
    UserAgent "User-Agent";
    Server "Server";
    Date "Date";
    Timestamp "Timestamp";
    Subject "Subject" b's';
    Organization "Organization";
    Priority "Priority";
    Privacy "Privacy";
    Path "Path";
    ServiceRoute "Service-Route";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    ReferTo "Refer-To" b'r';
    ReferredBy "Referred-By" b'b';
    Reason "Reason";
    SessionExpires "Session-Expires" b'x';
    AcceptContact "Accept-Contact" b'a';
    RejectContact "Reject-Contact" b'j';
    RequestDisposition "Request-Disposition" b'd';
    Identity "Identity" b'y';
    IdentityInfo "Identity-Info" b'n';
    InReplyTo "In-Reply-To";
    ReplyTo "Reply-To";
}

/// Slots of the table of names: more than twice the names, so that chains stay short.
const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;

/// Indices into `NAMES` by the hash of a name, with linear probing. Filled at compile time.
static TABLE: [u8; SLOTS] = table();

const fn hash(len: usize, first: u8, last: u8) -> usize {
    (len * 11 + (first | 0x20) as usize * 29 + (last | 0x20) as usize * 3) % SLOTS
}

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, an index out of range does not build
const fn table() -> [u8; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut i = 0;
    while i < NAMES.len() {
        let name = NAMES[i].1.as_bytes();
        let mut slot = hash(name.len(), name[0], name[name.len() - 1]);
        while table[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = i as u8;
        i += 1;
    }
    table
}

impl HeaderName {
    /// The name spelled by these octets, long or compact, in any case.
    pub fn from_bytes(name: &[u8]) -> HeaderName {
        let (first, last) = match name {
            [] => return HeaderName::Other,
            [c] => return HeaderName::from_compact(*c),
            [first, .., last] => (*first, *last),
        };
        let mut slot = hash(name.len(), first, last);
        while let Some((header, text)) = TABLE.get(slot).and_then(|index| NAMES.get(usize::from(*index))) {
            if text.as_bytes() == name || text.as_bytes().eq_ignore_ascii_case(name) {
                return *header;
            }
            slot = (slot + 1) % SLOTS;
        }
        HeaderName::Other
    }

    /// Whether one message may have only one of it, in one row (RFC 3261 §20, RFC 3903 §11,
    /// RFC 6665 §8.2). Not SIP-ETag: a response is more than its entity-tag, and one with two of
    /// them still says what became of the request.
    pub(crate) fn is_single(self) -> bool {
        use HeaderName as H;
        matches!(
            self,
            H::From
                | H::To
                | H::CallId
                | H::CSeq
                | H::MaxForwards
                | H::ContentLength
                | H::ContentType
                | H::Event
                | H::Expires
                | H::SipIfMatch
                | H::SubscriptionState
        )
    }
}

impl std::fmt::Display for HeaderName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
