//! A subscription: the notifier's end of a dialog (RFC 6665 §4.2, RFC 3261 §12).

use std::net::SocketAddr;
use std::time::Instant;

use sip_transaction::Hop;

use crate::event::Ended;
use crate::store::ResourceId;

/// A number of a subscription.
pub(crate) type SubscriptionId = u32;

/// Our tag in a dialog: which subscription it is, and enough chance that it cannot be guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalTag {
    pub(crate) id: SubscriptionId,
    pub(crate) random: u64,
}

impl LocalTag {
    /// Sixteen hexadecimal digits of chance, eight of the number.
    pub(crate) fn digits(self) -> TagText {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let number = (u128::from(self.random) << 32) | u128::from(self.id);
        let mut text = [b'0'; 24];
        for (place, digit) in text.iter_mut().rev().enumerate() {
            let nibble = (number >> (4 * place)) as usize & 15;
            *digit = DIGITS.get(nibble).copied().unwrap_or(b'0');
        }
        TagText(text)
    }

    pub(crate) fn parse(text: &str) -> Option<LocalTag> {
        let (random, id) = text.split_at_checked(16)?;
        let hex = |digits: &str| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if id.len() != 8 || !hex(random) || !hex(id) {
            return None;
        }
        Some(LocalTag {
            random: u64::from_str_radix(random, 16).ok()?,
            id: u32::from_str_radix(id, 16).ok()?,
        })
    }

    /// What NOTIFY transactions are started with, to be recognised by.
    pub(crate) fn owner(self) -> u64 {
        (self.random << 32) | u64::from(self.id)
    }
}

/// The text of a [`LocalTag`].
pub(crate) struct TagText([u8; 24]);

impl TagText {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Where NOTIFY requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) hop: Hop,
    pub(crate) local: SocketAddr,
    pub(crate) connection: Option<u64>,
}

/// The state of RFC 6665 §4.2.2, figure 4, without `pending`: whoever may subscribe at all is
/// granted permission at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `active`.
    Active { expires_at: Instant },
    /// `terminated`, and the watcher is still to be told.
    Ending(Ended),
}

/// What happens with NOTIFY requests: one at a time, and what changes meanwhile goes out with the
/// next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notifying {
    /// The watcher knows the newest state.
    Settled,
    /// It does not, and the next NOTIFY may not go yet.
    Held { until: Instant },
    /// One is under way.
    InFlight {
        /// There is newer state.
        again: bool,
        /// It says `terminated`.
        last: bool,
    },
}

/// One subscription.
pub(crate) struct Subscription {
    pub(crate) tag: LocalTag,
    pub(crate) resource: ResourceId,
    pub(crate) phase: Phase,
    pub(crate) notifying: Notifying,
    /// The earliest time of the next NOTIFY.
    pub(crate) not_before: Option<Instant>,
    pub(crate) call_id: Box<str>,
    pub(crate) remote_tag: Box<str>,
    /// `From`, `To`, `Call-ID`, `Event` and `Contact` of each NOTIFY, with their line ends.
    pub(crate) rows: Box<[u8]>,
    /// The `id` parameter of Event, which with the package is what a refresh must match.
    pub(crate) event_id: Option<Box<str>>,
    /// The remote target: the URI of the watcher's Contact.
    pub(crate) target: Box<str>,
    /// The route set: `<uri>` or what stood in Record-Route, in the order of the requests we send.
    pub(crate) route_set: Box<[Box<str>]>,
    pub(crate) path: Path,
    /// Until when a large NOTIFY is not tried by TCP, since that was refused.
    pub(crate) no_tcp_until: Option<Instant>,
    pub(crate) local_cseq: u32,
    pub(crate) remote_cseq: u32,
    /// How many documents were sent: the version of the next.
    pub(crate) version: u32,
}

impl Subscription {
    /// When the time matters next.
    pub(crate) fn due(&self) -> Option<Instant> {
        let expires_at = match self.phase {
            Phase::Active { expires_at } => Some(expires_at),
            Phase::Ending(_) => None,
        };
        match self.notifying {
            Notifying::Held { until } => Some(expires_at.map_or(until, |at| at.min(until))),
            Notifying::Settled | Notifying::InFlight { .. } => expires_at,
        }
    }

    /// The Request-URI and the Route values of a request in the dialog (RFC 3261 §12.2.1.1).
    /// `is_loose` says whether a Route value has the `lr` parameter.
    pub(crate) fn routing(&self, is_loose: impl Fn(&str) -> bool) -> (&str, Vec<&str>) {
        let routes = self.route_set.iter().map(AsRef::as_ref);
        match self.route_set.first() {
            Some(first) if !is_loose(first) => {
                // A strict router: it gets its own URI, and the target comes last.
                let mut rest: Vec<&str> = routes.skip(1).collect();
                rest.push(&self.target);
                (bare(first), rest)
            }
            _ => (&self.target, routes.collect()),
        }
    }
}

/// What stands between `<` and `>`.
fn bare(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(rest, |(uri, _)| uri),
        None => value,
    }
}

/// Whether a NOTIFY answered with this code ends the subscription: the codes of RFC 6665 §4.2.2,
/// and 408, which says what timer F would.
pub(crate) fn ends_subscription(code: u16) -> bool {
    matches!(code, 404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_back() {
        let tag = LocalTag {
            id: 0x1f,
            random: 0xab,
        };
        assert_eq!(tag.digits().as_str(), "00000000000000ab0000001f");
        assert_eq!(LocalTag::parse("00000000000000ab0000001f"), Some(tag));
        for text in [
            "",
            "00000000000000ab",
            "00000000000000AB0000001f",
            "+0000000000000ab0000001f",
            "ä",
        ] {
            assert_eq!(LocalTag::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rfc_6665_section_4_2_2_the_codes_that_end_a_subscription() {
        let ending: Vec<u16> = (200..700).filter(|code| ends_subscription(*code)).collect();
        assert_eq!(
            ending,
            [
                404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604
            ]
        );
    }
}
