//! Call-ID and our tag of a set of dialogs, as numbers: a quarter of what their texts take.

use std::sync::Arc;

use sip_transaction::hex;

/// What tells the dialogs of one first SUBSCRIBE from all others (RFC 6665 §4.4.1): the Call-ID,
/// 128 random bits, and our tag: the presentity's slot, by which its engine is found, 64 random bits,
/// and the number of what it belongs to, by which it is found there without a table.
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
        let (high, low) = call_id.split_at_checked(16).filter(|(_, low)| low.len() == 16)?;
        let (slot, rest) = from_tag.split_at_checked(2)?;
        let (tag, index) = rest.split_at_checked(16)?;
        if index.len() > 1 && index.starts_with('0') {
            return None;
        }
        Some(SetIdentity {
            call: [hex(high.as_bytes())?, hex(low.as_bytes())?],
            tag: hex(tag.as_bytes())?,
            index: u32::try_from(hex(index.as_bytes())?).ok()?,
            slot: u8::try_from(hex(slot.as_bytes())?).ok()?,
            there: true,
        })
    }

    /// Whether it has these texts.
    pub(super) fn is(&self, call_id: &str, from_tag: &str) -> bool {
        self.there && SetIdentity::parse(call_id, from_tag) == Some(*self)
    }

    /// The random bits of the tag.
    pub(super) fn bits(&self) -> u64 {
        self.tag
    }

    /// The Call-ID; empty if there is none.
    pub(super) fn call_id(&self) -> Arc<str> {
        let mut text = String::with_capacity(32);
        if self.there {
            for half in self.call {
                write(half, 16, &mut text);
            }
        }
        Arc::from(text)
    }

    /// Our tag; empty if there is none.
    pub(super) fn own_tag(&self) -> Arc<str> {
        let mut text = String::with_capacity(26);
        if self.there {
            write(u64::from(self.slot), 2, &mut text);
            write(self.tag, 16, &mut text);
            let digits = (u32::BITS - self.index.leading_zeros()).div_ceil(4).max(1);
            write(u64::from(self.index), digits, &mut text);
        }
        Arc::from(text)
    }
}

/// Writes the last digits of a number: each refresh writes both texts, and `format!` costs ten
/// times as much.
fn write(number: u64, digits: u32, text: &mut String) {
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place)) & 15;
        text.push(char::from_digit(digit as u32, 16).unwrap_or('0'));
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
        for other in [
            "",
            "abc",
            "\u{e9}",
            &call_id.to_uppercase(),
            &call_id.replacen('0', "+", 1),
        ] {
            assert!(SetIdentity::parse(other, &from_tag).is_none(), "{other}");
        }
        for other in [
            "",
            "00",
            &from_tag.to_uppercase(),
            &format!("{}01", &from_tag[..18]),
            &from_tag[..18],
            &format!("{}100000000", &from_tag[..18]),
        ] {
            assert!(SetIdentity::parse(&call_id, other).is_none(), "{other}");
        }
        assert!(!SetIdentity::NONE.is("", ""));
        assert_eq!(&*SetIdentity::NONE.call_id(), "");
    }
}
