//! Who a transaction, or a wait for addresses, belongs to; and who stands in a paced queue.

/// The two roles of the user agent: event publication agent (RFC 3903) and subscriber (RFC 6665).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Publisher,
    Subscriber,
}

/// A request's owner, as one number: role, serial number, index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) role: Role,
    /// Index in the table of that role.
    pub(crate) index: u32,
    /// Tells this request from earlier ones of the same index; below 2^31.
    pub(crate) serial: u32,
}

const SUBSCRIBER: u64 = 1 << 63;

impl From<Owner> for u64 {
    fn from(owner: Owner) -> u64 {
        let role = match owner.role {
            Role::Publisher => 0,
            Role::Subscriber => SUBSCRIBER,
        };
        role | (u64::from(owner.serial & 0x7fff_ffff) << 32) | u64::from(owner.index)
    }
}

impl From<u64> for Owner {
    fn from(number: u64) -> Owner {
        Owner {
            role: if number & SUBSCRIBER == 0 {
                Role::Publisher
            } else {
                Role::Subscriber
            },
            index: number as u32,
            serial: (number >> 32) as u32 & 0x7fff_ffff,
        }
    }
}

/// The serial number after this one.
pub(crate) fn next_serial(serial: u32) -> u32 {
    serial.wrapping_add(1) & 0x7fff_ffff
}

/// Who waits for room in the window of a next hop, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    Presentity(u32),
    Subscription(u32),
}

/// One place in the paced queue of a next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) role: Role,
    pub(crate) index: u32,
    /// The lower half of the holder's key: the index may be another's by now.
    pub(crate) key: u32,
}

impl Ticket {
    /// Of the low half of a key: that tells it from what had its index before.
    pub(crate) fn new(role: Role, index: u32, key: u64) -> Self {
        Ticket {
            role,
            index,
            key: key as u32,
        }
    }
}
