//! Call-ID and our tag of a set of dialogs, as numbers: a quarter of what their texts take.

use std::fmt;
use std::sync::Arc;

/// What tells the dialogs of one first SUBSCRIBE from all others (RFC 6665 §4.4.1): the Call-ID,
/// 128 random bits, and our tag: the engine's slot, 64 random bits, and the number of what it
/// belongs to, by which it is found without a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetIdentity {
    call: [u64; 2],
    tag: u64,
    index: u32,
    slot: u8,
    /// Whether there is one: `false` before the first SUBSCRIBE.
    there: bool,
}

impl SetIdentity {
    /// None yet.
    pub(super) const NONE: SetIdentity = SetIdentity {
        call: [0; 2],
        tag: 0,
        index: 0,
        slot: 0,
        there: false,
    };

    /// Of random numbers.
    pub(crate) fn new(call: u128, slot: u8, tag: u64, index: u32) -> Self {
        SetIdentity {
            call: [(call >> 64) as u64, call as u64],
            tag,
            index,
            slot,
            there: true,
        }
    }

    /// From the texts; `None` unless they are what this gives.
    pub(super) fn parse(call_id: &str, from_tag: &str) -> Option<SetIdentity> {
        let call = u128::from_str_radix(call_id, 16).ok()?;
        let slot = u8::from_str_radix(from_tag.get(..2)?, 16).ok()?;
        let tag = u64::from_str_radix(from_tag.get(2..18)?, 16).ok()?;
        let index = index_of(from_tag)?;
        let identity = SetIdentity::new(call, slot, tag, index);
        identity.is(call_id, from_tag).then_some(identity)
    }

    /// Whether it has these texts.
    pub(super) fn is(&self, call_id: &str, from_tag: &str) -> bool {
        self.there && same(self.call(), call_id) && same(self.tag(), from_tag)
    }

    /// The random bits of the tag.
    pub(super) fn bits(&self) -> u64 {
        self.tag
    }

    fn call(&self) -> CallId<'_> {
        CallId(self)
    }

    fn tag(&self) -> Tag<'_> {
        Tag(self)
    }

    /// The Call-ID; empty if there is none.
    pub(super) fn call_id(&self) -> Arc<str> {
        match self.there {
            true => Arc::from(self.call().to_string()),
            false => Arc::from(""),
        }
    }

    /// Our tag; empty if there is none.
    pub(super) fn own_tag(&self) -> Arc<str> {
        match self.there {
            true => Arc::from(self.tag().to_string()),
            false => Arc::from(""),
        }
    }
}

struct CallId<'i>(&'i SetIdentity);

impl fmt::Display for CallId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0.call;
        write!(f, "{high:016x}{low:016x}")
    }
}

struct Tag<'i>(&'i SetIdentity);

impl fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SetIdentity { tag, index, slot, .. } = self.0;
        write!(f, "{slot:02x}{tag:016x}{index:x}")
    }
}

/// The number in a tag; that the tag is ours is for the caller to see.
pub(super) fn index_of(tag: &str) -> Option<u32> {
    u32::from_str_radix(tag.get(18..)?, 16).ok()
}

/// The random bits in a tag.
pub(super) fn bits_of(tag: &str) -> Option<u64> {
    u64::from_str_radix(tag.get(2..18)?, 16).ok()
}

/// Whether a text is this, without making it.
fn same(value: impl fmt::Display, text: &str) -> bool {
    struct Rest<'t>(&'t str);
    impl fmt::Write for Rest<'_> {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    let mut rest = Rest(text);
    fmt::write(&mut rest, format_args!("{value}")).is_ok() && rest.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_back() {
        for (call, slot, tag, index) in [
            (0, 0, 0, 0),
            (u128::MAX, 255, u64::MAX, u32::MAX),
            (7 << 64, 1, 5, 16),
        ] {
            let identity = SetIdentity::new(call, slot, tag, index);
            let (call_id, from_tag) = (identity.call_id(), identity.own_tag());
            assert_eq!(*call_id, *format!("{call:032x}"));
            assert_eq!(*from_tag, *format!("{slot:02x}{tag:016x}{index:x}"));
            assert!(identity.is(&call_id, &from_tag));
            assert!(SetIdentity::parse(&call_id, &from_tag) == Some(identity));
            assert_eq!(
                (index_of(&from_tag), bits_of(&from_tag)),
                (Some(index), Some(tag))
            );
            assert!(!identity.is(&call_id, &from_tag[1..]));
            assert!(!identity.is(&format!("{call_id}0"), &from_tag));
        }
    }

    /// Nothing else is ours.
    #[test]
    fn other_texts() {
        let identity = SetIdentity::new(0xabc, 0, 0xdef, 1);
        let (call_id, from_tag) = (identity.call_id(), identity.own_tag());
        for other in ["", "abc", &call_id.to_uppercase(), &call_id.replacen('0', "+", 1)] {
            assert!(SetIdentity::parse(other, &from_tag).is_none(), "{other}");
        }
        for other in [
            "",
            "00",
            &from_tag.to_uppercase(),
            &format!("{}01", &from_tag[..18]),
        ] {
            assert!(SetIdentity::parse(&call_id, other).is_none(), "{other}");
        }
        assert!(!SetIdentity::NONE.is("", ""));
        assert_eq!(&*SetIdentity::NONE.call_id(), "");
    }
}
