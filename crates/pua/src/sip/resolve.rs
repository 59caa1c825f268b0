//! Host names to addresses by DNS and the hosts file, off the engine's thread.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::ResponseCode;
use pua_core::ResolveError;
use tokio::sync::Semaphore;

/// Questions under way at once; more wait for their turn within [`PATIENCE`].
const CONCURRENT: usize = 256;
/// Questions that wait or are under way; beyond it the answer is "unavailable" at once.
const BACKLOG: usize = 10_000;
/// How long an answer may take in all: a transaction has 32 s (64·T1) and may need another try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bounds of how long an answer is kept: a record with a TTL of zero must not mean a question
/// for each request.
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(3600);

/// The addresses in the order to try them and how long they hold, or why there are none.
pub(crate) type Answer = Result<(Vec<IpAddr>, Duration), ResolveError>;

/// Asks on a runtime of its own and hands the answers to a function.
#[derive(Clone)]
pub(crate) struct Resolver {
    runtime: tokio::runtime::Handle,
    resolver: Arc<TokioResolver>,
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
    answer: Arc<dyn Fn(Arc<str>, Answer) + Send + Sync>,
    families: Families,
}

/// The address families that we have sockets of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Families {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

impl Resolver {
    /// A resolver with the system's settings (`/etc/resolv.conf`, `/etc/hosts`).
    ///
    /// # Errors
    /// The system's settings cannot be used, and neither can the defaults.
    pub(crate) fn new(
        runtime: tokio::runtime::Handle,
        families: Families,
        answer: impl Fn(Arc<str>, Answer) + Send + Sync + 'static,
    ) -> anyhow::Result<Resolver> {
        let _inside = runtime.enter();
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "no usable resolver settings: only the hosts file is asked");
            TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
        });
        let options = builder.options_mut();
        options.ip_strategy = match families {
            Families { v4: true, v6: false } => LookupIpStrategy::Ipv4Only,
            Families { v4: false, v6: true } => LookupIpStrategy::Ipv6Only,
            _ => LookupIpStrategy::Ipv4AndIpv6,
        };
        options.timeout = Duration::from_secs(2);
        options.attempts = 2;
        let resolver = builder.build()?;
        Ok(Resolver {
            runtime: runtime.clone(),
            resolver: Arc::new(resolver),
            turns: Arc::new(Semaphore::new(CONCURRENT)),
            room: Arc::new(Semaphore::new(BACKLOG)),
            answer: Arc::new(answer),
            families,
        })
    }

    /// Asks for the addresses of a host; the answer comes by the function given at the start.
    pub(crate) fn ask(&self, host: Arc<str>) {
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            (self.answer)(host, Err(ResolveError::Unavailable));
            return;
        };
        let this = self.clone();
        self.runtime.spawn(async move {
            let found = tokio::time::timeout(PATIENCE, this.look_up(&host)).await;
            drop(room);
            (this.answer)(host, found.unwrap_or(Err(ResolveError::Unavailable)));
        });
    }

    async fn look_up(&self, host: &str) -> Answer {
        let Ok(_turn) = self.turns.acquire().await else {
            return Err(ResolveError::Unavailable);
        };
        let found = self
            .resolver
            .lookup_ip(host)
            .await
            .map_err(|error| reason(&error))?;
        let addresses: Vec<IpAddr> = found
            .iter()
            .filter(|ip| (self.families.v4 && ip.is_ipv4()) || (self.families.v6 && ip.is_ipv6()))
            .collect();
        if addresses.is_empty() {
            return Err(ResolveError::NotFound);
        }
        let holds = found
            .valid_until()
            .saturating_duration_since(Instant::now())
            .clamp(LEAST, MOST);
        Ok((addresses, holds))
    }
}

fn reason(error: &NetError) -> ResolveError {
    use hickory_resolver::net::DnsError;
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            ResolveError::NotFound
        }
        // Not a name that DNS can hold at all.
        NetError::Proto(_) => ResolveError::NotFound,
        _ => ResolveError::Unavailable,
    }
}
