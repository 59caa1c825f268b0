//! Subscription-State (RFC 6665 §8.2.3).

use super::leading_token;
use crate::typed::DeltaSeconds;
use crate::{Fault, Params};

/// `substate-value *( SEMI subexp-params )`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// The state.
    pub state: SubscriptionStateValue<'a>,
    /// Why it is terminated.
    pub reason: Option<SubscriptionStateReason<'a>>,
    /// Seconds that are left; malformed counts as absent.
    pub expires: Option<u32>,
    /// Seconds to wait before a new subscription; malformed counts as absent.
    pub retry_after: Option<u32>,
    /// All parameters.
    pub params: Params<'a>,
}

/// The state of a subscription as its notifier tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionStateValue<'a> {
    /// Accepted.
    Active,
    /// Received, not decided on.
    Pending,
    /// Over.
    Terminated,
    /// An extension, as it came.
    Other(&'a str),
}

/// Why a subscription is terminated (RFC 6665 §4.1.3, RFC 5839 §9.2 adds none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // each is the reason of that name
pub enum SubscriptionStateReason<'a> {
    Deactivated,
    Probation,
    Rejected,
    Timeout,
    GiveUp,
    NoResource,
    Invariant,
    /// An extension, as it came.
    Other(&'a str),
}

impl<'a> SubscriptionState<'a> {
    /// Parses a header value.
    ///
    /// # Errors
    /// [`FaultKind::Token`](crate::FaultKind::Token), [`FaultKind::Params`](crate::FaultKind::Params).
    pub fn parse(value: &'a [u8]) -> Result<SubscriptionState<'a>, Fault> {
        let (state, at) = leading_token(value)?;
        let params = Params::parse(value.get(at..).unwrap_or_default()).map_err(|f| f.shifted(at))?;
        let seconds = |name| DeltaSeconds::parse(params.param(name)?.value?).map(DeltaSeconds::seconds);
        Ok(SubscriptionState {
            state: SubscriptionStateValue::from_name(state),
            reason: params.get("reason").map(SubscriptionStateReason::from_name),
            expires: seconds("expires"),
            retry_after: seconds("retry-after"),
            params,
        })
    }
}

impl<'a> SubscriptionStateValue<'a> {
    fn from_name(name: &'a str) -> SubscriptionStateValue<'a> {
        use SubscriptionStateValue as S;
        [S::Active, S::Pending, S::Terminated]
            .into_iter()
            .find(|s| s.as_str().eq_ignore_ascii_case(name))
            .unwrap_or(S::Other(name))
    }

    /// The name as it goes on the wire.
    pub fn as_str(self) -> &'a str {
        match self {
            SubscriptionStateValue::Active => "active",
            SubscriptionStateValue::Pending => "pending",
            SubscriptionStateValue::Terminated => "terminated",
            SubscriptionStateValue::Other(name) => name,
        }
    }
}

impl<'a> SubscriptionStateReason<'a> {
    fn from_name(name: &'a str) -> SubscriptionStateReason<'a> {
        use SubscriptionStateReason as R;
        [
            R::Deactivated,
            R::Probation,
            R::Rejected,
            R::Timeout,
            R::GiveUp,
            R::NoResource,
            R::Invariant,
        ]
        .into_iter()
        .find(|r| r.as_str().eq_ignore_ascii_case(name))
        .unwrap_or(R::Other(name))
    }

    /// The name as it goes on the wire.
    pub fn as_str(self) -> &'a str {
        match self {
            SubscriptionStateReason::Deactivated => "deactivated",
            SubscriptionStateReason::Probation => "probation",
            SubscriptionStateReason::Rejected => "rejected",
            SubscriptionStateReason::Timeout => "timeout",
            SubscriptionStateReason::GiveUp => "giveup",
            SubscriptionStateReason::NoResource => "noresource",
            SubscriptionStateReason::Invariant => "invariant",
            SubscriptionStateReason::Other(name) => name,
        }
    }
}
