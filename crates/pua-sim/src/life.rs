//! What one life brings: drawn from its seed, all of it, before it begins.

use std::time::Duration;

use pua_core::{Lifetime, PublicationName, Wait};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::compositor::{Behaviour, Policy};
use crate::network::Weather;

/// A thing that happens at its time.
#[derive(Clone, Debug)]
pub struct Step {
    /// When, after the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// An application publishes, or changes what is published.
    Publish {
        /// Which publication.
        publication: usize,
        /// The padding of a new document; `None`: the held document.
        document: Option<usize>,
        /// For how long.
        lifetime: Lifetime,
        /// When to answer.
        wait: Wait,
        /// How long to wait.
        timeout: Duration,
        /// Give an entity-tag along: the held one, or another.
        if_match: Option<bool>,
    },
    /// An application withdraws.
    Remove {
        /// Which publication.
        publication: usize,
        /// When to answer.
        wait: Wait,
        /// How long to wait.
        timeout: Duration,
    },
    /// An application asks for a refresh.
    Refresh {
        /// Which publication.
        publication: usize,
        /// When to answer.
        wait: Wait,
        /// How long to wait.
        timeout: Duration,
    },
    /// A server loses its database.
    Restart(usize),
    /// A server is not there for a while, its address is: connections are refused. With a restart
    /// at the end if true.
    Down(usize, Duration, bool),
    /// The way to a server is cut for a while.
    Cut(usize, Duration),
    /// The connections to a server are reset.
    Reset(usize),
    /// The daemon is killed; it is back after a while. Half-way through a turn if true: its
    /// messages are sent, its changes not committed.
    Crash(Duration, bool),
    /// The configuration is read again.
    Configure,
}

/// One life.
#[derive(Clone, Debug)]
pub struct Life {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// The network before the calm.
    pub weather: Weather,
    /// The servers' own ways; one or two of them. `None`: the real server.
    pub servers: Vec<(Policy, Option<Behaviour>)>,
    /// All publications that the applications know of.
    pub names: Vec<PublicationName>,
    /// What happens before the calm.
    pub steps: Vec<Step>,
    /// When the calm begins.
    pub calm: Duration,
    /// The chance that the resolver fails.
    pub resolver_fails: f64,
    /// How long its answers hold, in seconds.
    pub resolver_ttl: u64,
    /// It gives the addresses in any order.
    pub resolver_shuffles: bool,
    /// The presence server's URI has `transport=tcp`.
    pub tcp: bool,
    /// TCP is refused everywhere.
    pub no_tcp: bool,
    /// The listener is bound to the unspecified address.
    pub unspecified: bool,
    /// The core's `default_expires`.
    pub default_expires: u32,
    /// The core's `min_expires`.
    pub min_expires: u32,
    /// The core's `min_interval`.
    pub min_interval: Duration,
    /// The most requests that the core has on their way to one server at once.
    pub window: u32,
    /// The daemon is stopped in the end with everything removed, instead of by commands.
    pub stops: bool,
}

fn lifetime(rng: &mut StdRng) -> Lifetime {
    match rng.random_range(0..10) {
        0..=3 => Lifetime::UntilFurtherNotice,
        4 => Lifetime::Default,
        5 | 6 => Lifetime::Seconds(rng.random_range(1..30)),
        7 | 8 => Lifetime::Seconds(rng.random_range(30..400)),
        _ => Lifetime::Seconds(100_000),
    }
}

fn wait(rng: &mut StdRng) -> (Wait, Duration) {
    let wait = match rng.random_range(0..10) {
        0..=6 => Wait::Final,
        7 | 8 => Wait::Accepted,
        _ => Wait::None,
    };
    let timeout = match rng.random_range(0..4) {
        0 => Duration::from_millis(rng.random_range(1..3000)),
        1 => Duration::from_secs(5),
        2 => Duration::from_secs(60),
        _ => Duration::from_secs(300),
    };
    (wait, timeout)
}

impl Life {
    /// The life of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Life {
        let mut rng = StdRng::seed_from_u64(seed);
        let rng = &mut rng;
        let rough = rng.random_range(0..4);
        let far = if rng.random() { 60 } else { 2500 };
        let weather = Weather {
            loss: match rough {
                0 => 0.0,
                1 => 0.1,
                2 => rng.random_range(0.0..0.3),
                _ => 0.5,
            },
            duplication: if rng.random() {
                rng.random_range(0.0..0.3)
            } else {
                0.0
            },
            near: rng.random_range(1..40),
            far: rng.random_range(40..far),
        };
        let max = [60, 120, 300, 600][rng.random_range(0..4)];
        let servers = (0..if rng.random_bool(0.3) { 2 } else { 1 })
            .map(|_| (policy(rng, max), (!rng.random_bool(0.35)).then(|| behaviour(rng))))
            .collect::<Vec<_>>();
        let mut life = Life {
            seed,
            weather,
            servers,
            names: names(rng),
            steps: Vec::new(),
            calm: Duration::from_secs(rng.random_range(20..400)),
            resolver_fails: if rng.random_bool(0.3) {
                rng.random_range(0.0..0.6)
            } else {
                0.0
            },
            resolver_ttl: [1, 30, 300, 3600][rng.random_range(0..4)],
            resolver_shuffles: rng.random(),
            tcp: rng.random_bool(0.2),
            no_tcp: false,
            unspecified: rng.random_bool(0.2),
            default_expires: [60, 200, 3600][rng.random_range(0..3)],
            min_expires: if rng.random_bool(0.2) { 40 } else { 0 },
            min_interval: if rng.random_bool(0.2) {
                Duration::from_secs(2)
            } else {
                Duration::ZERO
            },
            window: 1000,
            stops: rng.random_bool(0.3),
        };
        life.no_tcp = !life.tcp && rng.random_bool(0.3);
        life.steps = steps(rng, &life);
        if rng.random_bool(0.3) {
            life.window = rng.random_range(1..5);
        }
        life
    }
}

fn policy(rng: &mut StdRng, max: u32) -> Policy {
    Policy {
        min: if rng.random_bool(0.25) { 30 } else { 0 },
        max,
        rotates: rng.random_bool(0.8),
        short_tags: rng.random(),
        digest: rng.random_bool(0.3).then(|| {
            let lifetime = Duration::from_secs([5, 40, 3600][rng.random_range(0..3)]);
            ("alice".to_owned(), "secret".to_owned(), lifetime)
        }),
    }
}

fn behaviour(rng: &mut StdRng) -> Behaviour {
    let mut some = |most: f64| {
        if rng.random_bool(0.4) {
            rng.random_range(0.0..most)
        } else {
            0.0
        }
    };
    Behaviour {
        silent: some(0.2),
        unavailable: some(0.3),
        later: some(0.3),
        refuses: some(0.05),
        not_found: some(0.05),
        forgets: some(0.3),
        bad_tag: some(0.3),
        bad_expires: some(0.3),
        shortens: some(0.5),
        slow: some(0.5),
    }
}

fn names(rng: &mut StdRng) -> Vec<PublicationName> {
    let mut names = Vec::new();
    for presentity in 0..rng.random_range(1..4) {
        // Two spellings of one presentity (RFC 3261 §19.1.4).
        let spellings = [
            format!("sip:user{presentity}@example.com"),
            format!("sip:user{presentity}@EXAMPLE.com"),
        ];
        for package in ["presence", "dialog", "x-state"] {
            for id in [None, Some("one"), Some("two")] {
                if names.is_empty() || rng.random_bool(0.25) {
                    names.push(PublicationName {
                        presentity: spellings[usize::from(rng.random_bool(0.2))].as_str().into(),
                        package: package.into(),
                        id: id.map(Into::into),
                    });
                }
            }
        }
    }
    names
}

fn steps(rng: &mut StdRng, life: &Life) -> Vec<Step> {
    let calm = life.calm.as_millis() as u64;
    let mut steps = Vec::new();
    let commands = rng.random_range(1..30);
    let bursts = rng.random_bool(0.3);
    let mut at = 0;
    for number in 0..commands {
        if !(bursts && rng.random_bool(0.7)) {
            at = if number == 0 { 0 } else { rng.random_range(0..calm) };
        }
        let publication = rng.random_range(0..life.names.len());
        let (wait, timeout) = wait(rng);
        let what = match rng.random_range(0..10) {
            0 | 1 => What::Remove {
                publication,
                wait,
                timeout,
            },
            2 => What::Refresh {
                publication,
                wait,
                timeout,
            },
            _ => What::Publish {
                publication,
                document: rng
                    .random_bool(0.85)
                    .then(|| if rng.random_bool(0.15) { 1500 } else { 0 }),
                lifetime: lifetime(rng),
                wait,
                timeout,
                if_match: rng.random_bool(0.1).then(|| rng.random_bool(0.7)),
            },
        };
        steps.push(Step {
            at: Duration::from_millis(at),
            what,
        });
    }
    for _ in 0..rng.random_range(0..5) {
        let at = Duration::from_millis(rng.random_range(0..calm));
        let server = rng.random_range(0..life.servers.len());
        let most = (life.calm - at).as_millis().max(2) as u64;
        let mut span = || Duration::from_millis(rng.random_range(1..most));
        let span = span();
        let what = match rng.random_range(0..8) {
            0 | 1 => What::Restart(server),
            2 => What::Down(server, span, rng.random()),
            3 => What::Cut(server, span),
            4 => What::Reset(server),
            5 | 6 => What::Crash(span.min(Duration::from_secs(30)), rng.random()),
            _ => What::Configure,
        };
        steps.push(Step { at, what });
    }
    steps.sort_by_key(|step| step.at);
    steps
}
