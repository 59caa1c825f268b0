//! What goes into the server and what comes out.

use std::sync::Arc;

use sip_transaction::{Flow, Hop, Transmit};

/// One thing that has happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Nothing but the time.
    Timeout,
    /// A datagram, or one message cut from a stream.
    Received {
        /// Where it came in.
        flow: &'a Flow,
        /// The message.
        bytes: &'a [u8],
    },
    /// What was sent to `hop` did not arrive.
    Unreachable {
        /// The hop.
        hop: Hop,
        /// On a stream: the connection that is gone, if there was one.
        connection: Option<u64>,
    },
}

/// One thing to do.
#[derive(Debug)]
pub enum Output {
    /// Send this, now.
    Transmit(Transmit),
    /// Tell whoever listens.
    Event(Event),
}

/// What a PUBLISH did (RFC 3903 §4, Table 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new publication.
    Initial,
    /// A longer life, the document unchanged.
    Refresh,
    /// Another document.
    Modify,
    /// The end.
    Remove,
}

/// Why a subscription is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The watcher unsubscribed, or fetched only.
    Unsubscribed,
    /// It was not refreshed in time.
    Expired,
    /// A NOTIFY was answered with this code, which ends the subscription.
    Refused(u16),
    /// A NOTIFY was not answered, or could not be sent.
    Unanswered,
    /// The server stops.
    Stopped,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A PUBLISH was accepted.
    Published {
        /// The presentity's URI.
        presentity: Arc<str>,
        /// The event package.
        package: Arc<str>,
        /// What it did.
        operation: Operation,
        /// The granted lifetime in seconds.
        expires: u32,
    },
    /// A publication was not refreshed in time and is gone.
    Expired {
        /// The presentity's URI.
        presentity: Arc<str>,
        /// The event package.
        package: Arc<str>,
    },
    /// A subscription began.
    Watching {
        /// The presentity's URI.
        presentity: Arc<str>,
        /// The event package.
        package: Arc<str>,
        /// The granted lifetime in seconds.
        expires: u32,
    },
    /// A subscription is over.
    WatchEnded {
        /// The presentity's URI.
        presentity: Arc<str>,
        /// The event package.
        package: Arc<str>,
        /// Why.
        why: Ended,
    },
    /// A NOTIFY was sent without its document: by UDP it cannot be sent with it, and TCP was refused.
    DocumentLeftOut {
        /// Bytes of the message with the document.
        bytes: usize,
    },
    /// A request was refused.
    Refused {
        /// The status code.
        code: u16,
        /// The reason phrase.
        reason: &'static str,
    },
}

/// Counts since the start, and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages taken in.
    pub received: u64,
    /// Messages that were no SIP, or too broken to be answered.
    pub dropped: u64,
    /// Repeated requests, answered from the transaction.
    pub retransmissions: u64,
    /// Responses other than 2xx sent.
    pub refused: u64,
    /// Initial publications accepted.
    pub published: u64,
    /// Refreshes accepted.
    pub refreshed: u64,
    /// Modifications accepted.
    pub modified: u64,
    /// Removals accepted.
    pub removed: u64,
    /// Publications that ran out.
    pub expired: u64,
    /// SUBSCRIBE requests accepted.
    pub subscribed: u64,
    /// NOTIFY requests sent, repetitions left out.
    pub notified: u64,
    /// NOTIFY requests that failed.
    pub notify_failed: u64,
    /// Publications held now.
    pub publications: usize,
    /// Subscriptions held now.
    pub subscriptions: usize,
    /// Presentities and packages with a publication or a subscription now.
    pub resources: usize,
}
