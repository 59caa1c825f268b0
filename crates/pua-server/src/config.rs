//! What the server is told at construction.

use std::net::SocketAddr;
use std::time::Duration;

use sip_digest::Algorithm;
use sip_transaction::Timers;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which event packages are served.
    pub packages: Packages,
    /// The host parts of the addresses-of-record served, in lower case; empty: any. Others are
    /// answered 404 (RFC 3903 §6 step 1).
    pub domains: Vec<String>,
    /// Lifetimes granted to publications.
    pub publish: Lifetimes,
    /// Lifetimes granted to subscriptions. A minimum above an hour counts as an hour
    /// (RFC 6665 §4.2.1.1).
    pub subscribe: Lifetimes,
    /// What may be held.
    pub limits: Limits,
    /// Ask for credentials.
    pub auth: Option<Auth>,
    /// Refuse documents of `presence` and `dialog` that are no well-formed XML, or have a document
    /// type definition, with 400. More is not asked for.
    pub check_documents: bool,
    /// Tell a watcher of `dialog` without any dialog that there is a terminated one. Some phones
    /// keep the last lamp if a document has no dialog.
    pub dummy_dialog: bool,
    /// The shortest time between two NOTIFYs of one subscription; what changes meanwhile goes out
    /// with the next one. Zero: none.
    pub notify_interval: Duration,
    /// The address to name in Contact and Via in place of the socket's own, e.g. the public
    /// address before a NAT.
    pub advertise: Option<SocketAddr>,
    /// The size above which a NOTIFY goes by TCP, in bytes; by UDP all the same where TCP is refused
    /// (RFC 3261 §18.1.1).
    pub udp_limit: usize,
    /// The value of the Server header; `None`: no such header.
    pub server_header: Option<String>,
    /// The base timers.
    pub timers: Timers,
    /// Part of each branch, to tell the responses of several users of one socket apart.
    pub slot: u8,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            packages: Packages::Any,
            domains: Vec::new(),
            publish: Lifetimes::default(),
            subscribe: Lifetimes::default(),
            limits: Limits::default(),
            auth: None,
            check_documents: true,
            dummy_dialog: true,
            notify_interval: Duration::ZERO,
            advertise: None,
            udp_limit: 1300,
            server_header: None,
            timers: Timers::default(),
            slot: 0,
        }
    }
}

/// Event packages served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packages {
    /// Every one; what is not known is kept as opaque documents. Only of a template nothing is
    /// known by what is published.
    Any,
    /// These; others are answered 489.
    Only(Vec<String>),
}

impl Packages {
    /// Whether `event_type` is served; compared byte for byte (RFC 6665 §8.2.1).
    #[must_use]
    pub fn contains(&self, event_type: &str) -> bool {
        match self {
            // Who watches is told by nobody here (RFC 3857).
            Packages::Any => !event_type.ends_with(".winfo"),
            Packages::Only(names) => names.iter().any(|name| name == event_type),
        }
    }

    /// The value of Allow-Events.
    #[must_use]
    pub fn allow_events(&self) -> String {
        match self {
            // The header cannot say "any".
            Packages::Any => "presence, dialog, message-summary".to_owned(),
            Packages::Only(names) => names.join(", "),
        }
    }
}

/// Lifetimes in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Requests for less, other than 0, are answered 423.
    pub min: u32,
    /// Requests for more are granted this.
    pub max: u32,
    /// Granted if nothing is asked for.
    pub default: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Lifetimes {
            min: 0,
            max: 7 * 24 * 3600,
            default: 3600,
        }
    }
}

/// The outcome of an Expires header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    Seconds(u32),
    TooBrief { min: u32 },
}

impl Lifetimes {
    /// RFC 3903 §6 step 4.
    pub(crate) fn grant(self, asked: Option<u32>) -> Granted {
        let asked = asked.unwrap_or(self.default);
        if asked > 0 && asked < self.min {
            return Granted::TooBrief { min: self.min };
        }
        Granted::Seconds(asked.min(self.max))
    }
}

/// Upper bounds; what is beyond is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Publications in all; beyond: 503.
    pub publications: usize,
    /// Publications of one presentity and package; beyond: the one that was touched longest ago
    /// goes, since it most likely belongs to a publisher that forgot it.
    pub documents: usize,
    /// Subscriptions in all; beyond: 503.
    pub subscriptions: usize,
    /// Bytes of one document; beyond: 413.
    pub document_bytes: usize,
    /// Server transactions kept to answer repeated requests, on datagrams for 32 s each and with
    /// about 1 KB each; beyond: 503 without keeping.
    pub transactions: usize,
    /// Bytes of a merged document; beyond: the newest document stands alone.
    pub composed_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            publications: 1_000_000,
            documents: 32,
            subscriptions: 200_000,
            document_bytes: 64 * 1024,
            transactions: 1_000_000,
            composed_bytes: 256 * 1024,
        }
    }
}

/// Who may publish and subscribe.
#[derive(Clone)]
pub struct Auth {
    /// The realm.
    pub realm: String,
    /// Offered in this order.
    pub algorithms: Vec<Algorithm>,
    /// Also offer `auth-int`.
    pub auth_int: bool,
    /// How long a nonce is good.
    pub nonce_lifetime: Duration,
    /// Names and passwords.
    pub users: Vec<(String, String)>,
    /// Prove in the responses that the server knows the password too, and name the nonce of the
    /// next request (Authentication-Info, RFC 7616 §3.5).
    pub authentication_info: bool,
    /// Challenge PUBLISH.
    pub publish: bool,
    /// Challenge SUBSCRIBE.
    pub subscribe: bool,
}

impl Auth {
    /// PUBLISH and SUBSCRIBE for one user, with SHA-256 and MD5.
    #[must_use]
    pub fn one_user(realm: &str, name: &str, password: &str) -> Auth {
        Auth {
            realm: realm.to_owned(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            auth_int: false,
            nonce_lifetime: Duration::from_secs(300),
            users: vec![(name.to_owned(), password.to_owned())],
            authentication_info: false,
            publish: true,
            subscribe: true,
        }
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("realm", &self.realm)
            .field("algorithms", &self.algorithms)
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3903_section_6_step_4_the_granted_lifetime() {
        let lifetimes = Lifetimes {
            min: 60,
            max: 7200,
            default: 1800,
        };
        assert_eq!(lifetimes.grant(None), Granted::Seconds(1800));
        assert_eq!(lifetimes.grant(Some(0)), Granted::Seconds(0));
        assert_eq!(lifetimes.grant(Some(59)), Granted::TooBrief { min: 60 });
        assert_eq!(lifetimes.grant(Some(60)), Granted::Seconds(60));
        assert_eq!(lifetimes.grant(Some(u32::MAX)), Granted::Seconds(7200));
    }

    #[test]
    fn passwords_are_not_shown() {
        let auth = Auth::one_user("example.com", "alice", "secret");
        assert!(!format!("{auth:?}").contains("secret"));
    }
}
