//! Header values with a meaning, one file each. All borrow from the message, allow folds where
//! RFC 3261 allows white space, and report the first fault with its offset in the value.

mod cseq;
mod delta_seconds;
mod entity_tag;
mod event;
mod media_type;
mod name_addr;
mod retry_after;
mod subscription_state;
mod token_list;
mod via;

pub use cseq::CSeq;
pub use delta_seconds::DeltaSeconds;
pub use entity_tag::EntityTag;
pub use event::EventHeader;
pub use media_type::MediaType;
pub use name_addr::NameAddr;
pub use retry_after::RetryAfter;
pub use subscription_state::{SubscriptionState, SubscriptionStateReason, SubscriptionStateValue};
pub use token_list::TokenList;
pub use via::{BRANCH_COOKIE, Via};

use crate::grammar::{skip_lws, token_end};
use crate::{Fault, FaultKind};

/// The token at the beginning of a value, and the offset after it and the white space around it.
fn leading_token(value: &[u8]) -> Result<(&str, usize), Fault> {
    let start = skip_lws(value, 0);
    let end = token_end(value, start);
    let token = value
        .get(start..end)
        .filter(|t| !t.is_empty())
        .ok_or(FaultKind::Token.at(start))?;
    let token = std::str::from_utf8(token).map_err(|_| FaultKind::Token.at(start))?;
    Ok((token, skip_lws(value, end)))
}
