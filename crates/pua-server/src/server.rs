//! The server: routes what comes in to the publications and subscriptions, and queues what goes out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use sip_digest::{Challenger, ChallengerConfig};
use sip_transaction::{
    Arrived, ClientTransactions, DueTimes, Elapsed, Flow, Received, ServerKey, ServerTransactions, Transmit,
    response, response_hop,
};
use sip_wire::{Message, Method, RequestLine, StartLine, Uri};
use slab::Slab;

use crate::compose::Document;
use crate::config::Config;
use crate::event::{Counters, Event, Input, Output};
use crate::resource_key::ResourceKey;
use crate::store::Store;
use crate::subscription::{LocalTag, Subscription, SubscriptionId};
use crate::uas::{Reply, Request, With, refuse, refuse_with};

/// A presence server without IO; see the [crate's front page](crate).
pub struct Server {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) subscriptions: Slab<Subscription>,
    /// Keyed by subscription.
    pub(crate) subscription_due: DueTimes,
    pub(crate) clients: ClientTransactions,
    pub(crate) servers: ServerTransactions,
    pub(crate) challenger: Option<Challenger>,
    /// For the response to the request being served.
    pub(crate) authentication_info: Option<Vec<u8>>,
    pub(crate) random: StdRng,
    pub(crate) counters: Counters,
    pub(crate) outputs: VecDeque<Output>,
    /// Whether it takes no requests any more.
    stopping: bool,
    /// A buffer.
    pub(crate) key: ResourceKey,
    pub(crate) media_types: Vec<Arc<str>>,
}

/// A publication, looked at from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationView {
    /// The document.
    pub document: Document,
    /// The entity-tag.
    pub etag: String,
    /// When it ends unless it is refreshed.
    pub expires_at: Instant,
}

impl Server {
    /// A server that holds nothing. `seed` must come from the system's random source, except where
    /// a run is to be repeated: entity-tags, dialog tags and nonces are made from it.
    #[must_use]
    pub fn new(now: Instant, config: Config, seed: [u8; 32]) -> Server {
        let mut random = StdRng::from_seed(seed);
        let mut part = || {
            let mut seed = [0; 32];
            random.fill_bytes(&mut seed);
            seed
        };
        let challenger = config.auth.as_ref().map(|auth| {
            let challenges = ChallengerConfig {
                realm: auth.realm.clone(),
                algorithms: auth.algorithms.clone(),
                nonce_lifetime: auth.nonce_lifetime,
                auth_int: auth.auth_int,
                ..ChallengerConfig::default()
            };
            Challenger::new(now, challenges, part())
        });
        Server {
            store: Store::new(now, part()),
            subscriptions: Slab::new(),
            subscription_due: DueTimes::new(now),
            clients: ClientTransactions::new(now, config.timers, config.slot, part()),
            servers: ServerTransactions::new(now, config.timers),
            challenger,
            authentication_info: None,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            stopping: false,
            key: ResourceKey::default(),
            media_types: Vec::new(),
            random,
            config,
        }
    }

    /// Takes in one thing that has happened. Cannot fail; drain [`Server::poll_output`] after.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Timeout => {}
            Input::Received { flow, bytes } => self.receive(now, flow, bytes),
            Input::Unreachable { hop, connection } => {
                for owner in self.clients.fail(hop, connection) {
                    self.notify_undelivered(now, owner, hop);
                }
            }
        }
        self.elapse(now);
    }

    /// Begins to stop: watchers are told that their subscriptions are over, and requests are
    /// refused. Drain [`Server::poll_output`] after; what is not answered yet is in
    /// [`Counters::subscriptions`].
    pub fn stop(&mut self, now: Instant) {
        self.stopping = true;
        self.end_subscriptions(now);
    }

    /// The next thing to do; call until `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Server::handle_input`] with [`Input::Timeout`] if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.store.next_due(),
            self.subscription_due.next(),
            self.clients.next_due(),
            self.servers.next_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn elapse(&mut self, now: Instant) {
        while let Some(id) = self.store.expire(now) {
            self.counters.expired += 1;
            if let Some(resource) = self.store.resource(id) {
                let event = Event::Expired {
                    presentity: resource.presentity.clone(),
                    package: resource.package.clone(),
                };
                self.tell(event);
            }
            self.changed(now, id);
        }
        while let Some(id) = self.subscription_due.pop(now) {
            self.subscription_due(now, id);
        }
        while let Some(elapsed) = self.clients.poll(now) {
            match elapsed {
                Elapsed::Retransmit { transmit, .. } => self.transmit(transmit),
                Elapsed::TimedOut { owner, .. } => self.notify_answered(now, owner, None),
            }
        }
        while let Some(transmit) = self.servers.poll(now) {
            self.transmit(transmit);
        }
    }

    fn receive(&mut self, now: Instant, flow: &Flow, bytes: &[u8]) {
        self.counters.received += 1;
        let message = match flow.read(bytes) {
            Ok(message) => message,
            Err(Some(beyond)) => {
                return self.refuse_broken(flow, &beyond.message, beyond.code, beyond.reason);
            }
            Err(None) => {
                self.counters.dropped += 1;
                return;
            }
        };
        match message.start {
            StartLine::Request(line) => self.receive_request(now, flow, &message, line),
            StartLine::Status(line) => self.receive_response(now, &message, line.code),
        }
    }

    fn receive_response(&mut self, now: Instant, message: &Message<'_>, code: u16) {
        let arrived = match message.essentials() {
            Ok(essentials) => {
                let branch = essentials.top_via.branch.unwrap_or_default();
                let method = essentials.cseq.method.as_str();
                self.clients.receive(now, branch, method, code)
            }
            Err(_) => Arrived::Stray,
        };
        match arrived {
            Arrived::Final { owner, .. } => self.notify_answered(now, owner, Some(code)),
            Arrived::Stray => self.counters.dropped += 1,
            Arrived::Provisional { .. } | Arrived::Absorbed => {}
        }
    }

    fn receive_request(&mut self, now: Instant, flow: &Flow, message: &Message<'_>, line: RequestLine<'_>) {
        let essentials = match message.essentials() {
            Ok(essentials) => essentials,
            Err(fault) => {
                self.refuse_broken(flow, message, 400, fault.reason());
                return;
            }
        };
        let (key, merged) = match self.servers.receive(now, message, &essentials, flow) {
            Received::Fresh(key) => (key, false),
            Received::Merged(key) => (key, true),
            Received::Repeated(answer) => {
                self.counters.retransmissions += 1;
                if let Some(transmit) = answer {
                    self.transmit(transmit);
                }
                return;
            }
            Received::Acknowledgement => return,
        };
        let request = Request {
            message,
            essentials,
            method: line.method,
            uri_text: line.uri,
            flow,
        };
        let full = self.servers.len() > self.config.limits.transactions;
        let reply = if !line.version_ok {
            Reply::Refused(refuse(505, "Version Not Supported"))
        } else if merged {
            Reply::Refused(refuse(482, "Loop Detected"))
        } else if self.stopping {
            Reply::Refused(refuse_with(503, "Server Is Stopping", With::RetryAfter(5)))
        } else if full {
            Reply::Refused(refuse_with(503, "Too Many Transactions", With::RetryAfter(5)))
        } else {
            self.serve(now, &request)
        };
        self.answer(now, key, &request, &reply);
        if full {
            self.servers.abandon(key);
        }
        match reply {
            Reply::Published {
                changed: Some(resource),
                ..
            } => self.changed(now, resource),
            Reply::Subscribed { subscription, .. } => self.notify(now, subscription),
            _ => {}
        }
    }

    fn answer(&mut self, now: Instant, key: ServerKey, request: &Request<'_>, reply: &Reply) {
        let (code, reason) = match reply {
            Reply::Refused(refusal) => {
                self.count_refusal(refusal.code, refusal.reason);
                (refusal.code, refusal.reason)
            }
            _ => (200, "OK"),
        };
        let tag = match reply {
            Reply::Subscribed { subscription, .. } => self
                .subscriptions
                .get(*subscription as usize)
                .map(|held| held.tag)
                .unwrap_or_default(),
            _ => self.new_tag(),
        };
        let mut bytes = Vec::with_capacity(512);
        let tag = tag.digits();
        let mut out = response(
            &mut bytes,
            code,
            reason,
            request.message,
            request.flow,
            Some(tag.as_str()),
        );
        self.write_reply(now, request, reply, &mut out);
        out.body(None, b"");
        // Kept for as long as the request may be repeated, so without room to spare.
        let bytes = bytes.into_boxed_slice().into();
        if let Some(transmit) = self.servers.respond(now, key, bytes) {
            self.transmit(transmit);
        }
    }

    /// Refuses a request that lacks what a transaction needs, or has more than is taken, if it has what an answer needs.
    fn refuse_broken(&mut self, flow: &Flow, message: &Message<'_>, code: u16, reason: &'static str) {
        let Some(via) = message
            .answerable()
            .filter(|_| message.method() != Some(Method::Ack))
        else {
            self.counters.dropped += 1;
            return;
        };
        self.count_refusal(code, reason);
        let tag = self.new_tag().digits();
        let mut bytes = Vec::with_capacity(512);
        response(&mut bytes, code, reason, message, flow, Some(tag.as_str())).body(None, b"");
        self.transmit(Transmit {
            hop: response_hop(&via, flow),
            local: Some(flow.local),
            connection: flow.transport.is_reliable().then_some(flow.connection),
            bytes: bytes.into(),
        });
    }

    fn count_refusal(&mut self, code: u16, reason: &'static str) {
        self.counters.refused += 1;
        self.tell(Event::Refused { code, reason });
    }

    /// A tag for a response that makes no dialog.
    fn new_tag(&mut self) -> LocalTag {
        LocalTag {
            id: SubscriptionId::MAX,
            random: self.random.next_u64(),
        }
    }

    /// What happened so far, and what is held now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            publications: self.store.publications(),
            resources: self.store.resources(),
            subscriptions: self.subscriptions.len(),
            ..self.counters
        }
    }

    /// How it was configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The publications of a presentity in a package, the one modified last at the end. Empty if
    /// `presentity` is no URI.
    #[must_use]
    pub fn publications(&self, presentity: &str, package: &str) -> Vec<PublicationView> {
        let Ok(uri) = Uri::parse(presentity) else {
            return Vec::new();
        };
        let mut key = ResourceKey::default();
        key.set(package, &uri);
        let resource = self.store.find(key.as_str());
        resource
            .into_iter()
            .flat_map(|resource| self.store.in_order(resource))
            .map(|publication| PublicationView {
                document: publication.document.clone(),
                etag: String::from_utf8_lossy(publication.tag().as_bytes()).into_owned(),
                expires_at: publication.expires_at,
            })
            .collect()
    }

    /// Loses everything, as a restart with an empty database does: publications, subscriptions,
    /// transactions. What was not yet drained from [`Server::poll_output`] is lost as well.
    pub fn forget_everything(&mut self, now: Instant) {
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let counters = self.counters;
        *self = Server::new(now, self.config.clone(), seed);
        self.counters = counters;
    }
}
