//! How presentities are divided among several user agents that share their SIP sockets: engines on
//! threads of their own, or nodes.
//!
//! Each presentity belongs to one of 256 slots by its URI alone, whatever the number of
//! engines is and will be; which engine has a slot follows from their number. A tag of a dialog of
//! ours begins with its presentity's slot, so that a NOTIFY finds its engine although there were more
//! or fewer of them when the dialog was made. A branch begins with the number of the engine itself,
//! since no transaction outlives it.

use sip_transaction::{Branch, hex};
use sip_wire::{HeaderName, Limits, Message, NameAddr, Uri};

/// Which engine one is, and of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its number, below `of`.
    pub engine: u8,
    /// How many there are, at least one.
    pub of: u8,
}

impl Share {
    /// There is no other.
    pub const WHOLE: Share = Share { engine: 0, of: 1 };
}

impl Default for Share {
    fn default() -> Share {
        Share::WHOLE
    }
}

/// The slot of a presentity: that of all spellings of its URI that are equal by RFC 3261 §19.1.4.
/// `None`: it is no URI.
#[must_use]
pub fn slot_of(presentity: &str) -> Option<u8> {
    Uri::parse(presentity).ok().map(|uri| slot_of_key(&uri.key()))
}

/// The slot of a presentity by its URI in canonical form. The same in every life and version: tags
/// that peers hold were made with it (FNV-1a, its upper half folded in).
fn slot_of_key(key: &str) -> u8 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    let folded = hash ^ (hash >> 32);
    (folded ^ (folded >> 16) ^ (folded >> 8)) as u8
}

/// The engine, of so many, that has this slot.
#[must_use]
pub fn engine_of_slot(slot: u8, engines: u8) -> u8 {
    slot % engines.max(1)
}

/// The slot that a tag of ours names.
#[must_use]
pub fn slot_of_tag(tag: &str) -> Option<u8> {
    u8::try_from(hex(tag.as_bytes().get(..2)?)?).ok()
}

/// Whom a message that has arrived is for, as far as that can be told without knowing any dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee<'a> {
    /// A response to a request of the engine with this number.
    Engine(u8),
    /// A request in the dialog of which this is our tag.
    Dialog(&'a str),
    /// Whoever: a request outside of any dialog, or nothing that can be read.
    Anyone,
}

/// Tells whom a message is for.
#[must_use]
pub fn addressee(bytes: &[u8]) -> Addressee<'_> {
    if bytes.starts_with(b"SIP/") {
        return match branch(bytes) {
            Some(engine) => Addressee::Engine(engine),
            None => Addressee::Anyone,
        };
    }
    // Whatever is wrong with it, whom it is for says the To header alone.
    let Ok(message) = Message::parse_datagram(bytes, &Limits::stream()) else {
        return Addressee::Anyone;
    };
    let to = message.headers.get(HeaderName::To);
    match to.and_then(|to| NameAddr::parse(to).ok()).and_then(|to| to.tag()) {
        Some(tag) => Addressee::Dialog(tag),
        None => Addressee::Anyone,
    }
}

/// The engine that the first branch of ours in a response names. It is not read for that: whoever
/// gets it does, and takes it for a stray if the branch stood elsewhere than in Via.
fn branch(bytes: &[u8]) -> Option<u8> {
    let mut rest = bytes;
    loop {
        let at = rest
            .windows(Branch::COOKIE.len())
            .position(|w| w == Branch::COOKIE.as_bytes())?;
        rest = rest.get(at..)?;
        let text = rest
            .get(..Branch::LEN)
            .and_then(|text| std::str::from_utf8(text).ok());
        if let Some(engine) = text.and_then(Branch::slot_of) {
            return Some(engine);
        }
        rest = rest.get(Branch::COOKIE.len()..)?;
    }
}

/// Numbers that are given once, by this engine or any other: each takes one of `of`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    next: u64,
    step: u64,
}

impl Numbers {
    pub(crate) fn new(share: Share) -> Numbers {
        Numbers {
            next: u64::from(share.engine) + 1,
            step: u64::from(share.of.max(1)),
        }
    }

    pub(crate) fn take(&mut self) -> u64 {
        let number = self.next;
        self.next += self.step;
        number
    }

    /// This one has been given in an earlier life, and with it all below.
    pub(crate) fn skip(&mut self, given: u64) {
        if given >= self.next {
            let steps = (given - self.next) / self.step + 1;
            self.next = self.next.saturating_add(steps.saturating_mul(self.step));
        }
    }
}

/// What is held, as far as it is bounded by [`Limits`](crate::Limits) for all engines together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Publications.
    pub publications: usize,
    /// Subscriptions, fetches included.
    pub subscriptions: usize,
    /// Commands waiting for an answer.
    pub commands: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_spellings_have_one_slot_and_it_stays_the_same() {
        assert_eq!(
            slot_of("sip:alice@example.com"),
            slot_of("SIP:%61lice@EXAMPLE.com")
        );
        assert_ne!(slot_of("sip:alice@example.com"), slot_of("sip:bob@example.com"));
        assert_eq!(slot_of("no uri"), None);
        // Peers hold tags with these.
        assert_eq!(slot_of("sip:alice@example.com"), Some(186));
        assert_eq!(slot_of("sip:bob@example.com"), Some(121));
    }

    #[test]
    fn engines_have_about_as_many_presentities_each() {
        for engines in [2, 3, 4, 7, 16] {
            let mut count = vec![0u32; usize::from(engines)];
            for user in 0..20_000 {
                let slot = slot_of(&format!("sip:user{user:05}@example.com")).unwrap();
                count[usize::from(engine_of_slot(slot, engines))] += 1;
            }
            let fair = 20_000 / u32::from(engines);
            let worst = count.iter().map(|n| n.abs_diff(fair)).max().unwrap();
            assert!(worst * 6 < fair, "{engines}: {count:?}");
        }
    }

    #[test]
    fn numbers_are_given_once() {
        let mut all = Vec::new();
        for engine in 0..3 {
            let mut numbers = Numbers::new(Share { engine, of: 3 });
            all.extend((0..4).map(|_| numbers.take()));
            numbers.skip(5);
            numbers.skip(100);
            let next = numbers.take();
            assert!((101..=103).contains(&next));
            all.extend([next, numbers.take()]);
        }
        all.sort_unstable();
        let given = all.len();
        all.dedup();
        assert_eq!(all.len(), given);
        let mut alone = Numbers::new(Share::WHOLE);
        alone.skip(7);
        assert_eq!((alone.take(), alone.take()), (8, 9));
    }

    #[test]
    fn responses_are_told_by_their_branch() {
        let response =
            |via: &str| format!("SIP/2.0 200 OK\r\nSubject: z9hG4bK\r\nv: {via}\r\nCSeq: 1 PUBLISH\r\n\r\n");
        let ours = "SIP/2.0/UDP 192.0.2.1;rport=5060;branch=z9hG4bK0300000001aaaaaaaaaaaaaaaa";
        assert_eq!(addressee(response(ours).as_bytes()), Addressee::Engine(3));
        for other in [
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK03",
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0x00000001aaaaaaaaaaaaaaaa",
            "SIP/2.0/UDP 192.0.2.1",
        ] {
            assert_eq!(
                addressee(response(other).as_bytes()),
                Addressee::Anyone,
                "{other}"
            );
        }
    }

    #[test]
    fn requests_are_told_by_our_tag() {
        let request = |to: &str| {
            format!(
                "NOTIFY sip:pua@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n{to}\r\nCSeq: 1 NOTIFY\r\n\r\n"
            )
        };
        let ours = request("t: \"a;tag=b\" <sip:bob@example.com;tag=c>;tag=2b00112233445566770");
        let Addressee::Dialog(tag) = addressee(ours.as_bytes()) else {
            panic!("no dialog")
        };
        assert_eq!((tag, slot_of_tag(tag)), ("2b00112233445566770", Some(0x2b)));
        assert_eq!(
            addressee(request("To: <sip:bob@example.com>").as_bytes()),
            Addressee::Anyone
        );
        assert_eq!(addressee(request("X: y").as_bytes()), Addressee::Anyone);
        assert_eq!(addressee(b""), Addressee::Anyone);
        assert_eq!(
            (slot_of_tag("a"), slot_of_tag("g0"), slot_of_tag("\u{e9}")),
            (None, None, None)
        );
    }
}
