//! What publications and subscriptions have in common: for whom a request is sent, whether its
//! object is wanted, what was answered last.

use std::sync::Arc;
use std::time::Instant;

/// On whose behalf a request is sent: the application's go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Application,
    Ourselves,
}

/// Whether the application wants a subscription to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Desire {
    /// Until then, or until further notice.
    Stand { until: Option<Instant> },
    /// Not any more.
    Gone,
}

/// The last final response, or what stood for it.
pub(crate) struct Last {
    pub(crate) code: u16,
    pub(crate) reason: Arc<str>,
    pub(crate) at: Instant,
}
