//! Header values with a meaning, one file each. All borrow from the message, allow folds where
//! RFC 3261 allows white space, and report the first fault with its offset in the value.

mod cseq;
mod name_addr;
mod via;

pub use cseq::CSeq;
pub use name_addr::NameAddr;
pub use via::{BRANCH_COOKIE, Via};
