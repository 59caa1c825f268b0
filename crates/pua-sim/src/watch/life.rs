//! What one life of watching brings: drawn from its seed, all of it, before it begins.

use std::time::Duration;

use pua_core::{Lifetime, SubscriptionName, Wait};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::notifier::{Moods, Policy};
use crate::network::Weather;

/// A thing that happens at its time.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Subscribe {
        watch: usize,
        lifetime: Lifetime,
        wait: Wait,
        timeout: Duration,
    },
    Unsubscribe {
        watch: usize,
        wait: Wait,
        timeout: Duration,
    },
    Fetch {
        watch: usize,
        timeout: Duration,
    },
    /// The presentity changes.
    Change(usize),
    /// An application publishes it, or withdraws that (mixed lives).
    Publish(usize, bool),
    /// The notifier ends all subscriptions to it, with this Subscription-State.
    End(usize, String),
    /// The notifier forgets all dialogs.
    Restart,
    /// It is not there for a while: half the datagrams bring ICMP.
    Down(Duration),
    /// The way to it is cut for a while.
    Cut(Duration),
    /// The daemon is killed for a while; half-way through a turn if true.
    Crash(Duration, bool),
    /// The configuration is read again.
    Configure,
    /// A stranger, or a notifier out of its mind; which of their ways.
    Attack(usize, u32),
}

/// One life.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) seed: u64,
    pub(crate) weather: Weather,
    pub(crate) policy: Policy,
    pub(crate) moods: Moods,
    /// The real server is the notifier, and publications are what is watched.
    pub(crate) mixed: bool,
    /// Two front addresses.
    pub(crate) two: bool,
    pub(crate) names: Vec<SubscriptionName>,
    pub(crate) steps: Vec<Step>,
    pub(crate) calm: Duration,
    pub(crate) resolver_fails: f64,
    pub(crate) default_expires: Option<u32>,
    pub(crate) stops: bool,
}

fn lifetime(rng: &mut StdRng) -> Lifetime {
    match rng.random_range(0..10) {
        0..=4 => Lifetime::UntilFurtherNotice,
        5 => Lifetime::Default,
        6 | 7 => Lifetime::Seconds(rng.random_range(1..60)),
        8 => Lifetime::Seconds(rng.random_range(60..500)),
        _ => Lifetime::Seconds(100_000),
    }
}

fn timeout(rng: &mut StdRng) -> Duration {
    match rng.random_range(0..4) {
        0 => Duration::from_millis(rng.random_range(1..3000)),
        1 => Duration::from_secs(5),
        2 => Duration::from_secs(60),
        _ => Duration::from_secs(300),
    }
}

fn wait(rng: &mut StdRng) -> Wait {
    match rng.random_range(0..10) {
        0..=6 => Wait::Final,
        7 | 8 => Wait::Accepted,
        _ => Wait::None,
    }
}

/// A Subscription-State that ends (RFC 6665 §4.1.3).
fn ending(rng: &mut StdRng) -> String {
    let after = rng.random_range(1..60u32);
    let reason = [
        "deactivated",
        "probation",
        "rejected",
        "timeout",
        "giveup",
        "noresource",
        "invariant",
        "weariness",
        "",
    ][rng.random_range(0..9)];
    let mut text = "terminated".to_owned();
    if !reason.is_empty() {
        text.push_str(&format!(";reason={reason}"));
    }
    if rng.random() {
        text.push_str(&format!(";retry-after={after}"));
    }
    if rng.random_bool(0.1) {
        text = text.to_ascii_uppercase().replace("RETRY-AFTER", "retry-after");
    }
    text
}

impl Life {
    /// The life of a seed.
    pub(crate) fn draw(seed: u64) -> Life {
        let mut rng = StdRng::seed_from_u64(seed);
        let rng = &mut rng;
        let rough = rng.random_range(0..4);
        let far = if rng.random() { 60 } else { 2500 };
        let weather = Weather {
            loss: match rough {
                0 | 1 => 0.0,
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
        let mixed = rng.random_bool(0.25);
        let hostile = rng.random_bool(0.4);
        let max = [60, 120, 300, 600][rng.random_range(0..4)];
        let policy = Policy {
            min: if rng.random_bool(0.2) { 30 } else { 0 },
            max,
            digest: rng
                .random_bool(0.3)
                .then(|| Duration::from_secs([5, 40, 3600][rng.random_range(0..3)])),
            proxies: if mixed {
                0
            } else {
                [0, 0, 1, 2][rng.random_range(0..4)]
            },
            forks: [1, 1, 2, 3][rng.random_range(0..4)],
            partial: rng.random_bool(0.7),
            conditional: rng.random_bool(0.4),
            pipelines: rng.random_bool(0.4),
        };
        let mut life = Life {
            seed,
            weather,
            policy,
            moods: moods(rng),
            mixed,
            two: !mixed && rng.random_bool(0.3),
            names: names(rng, mixed),
            steps: Vec::new(),
            calm: Duration::from_secs(rng.random_range(20..400)),
            resolver_fails: if rng.random_bool(0.2) {
                rng.random_range(0.0..0.6)
            } else {
                0.0
            },
            default_expires: [None, Some(60), Some(200)][rng.random_range(0..3)],
            stops: rng.random_bool(0.3),
        };
        life.steps = steps(rng, &life, hostile);
        life
    }
}

fn moods(rng: &mut StdRng) -> Moods {
    let mut some = |most: f64| {
        if rng.random_bool(0.35) {
            rng.random_range(0.0..most)
        } else {
            0.0
        }
    };
    Moods {
        early: some(0.8),
        late: some(0.5),
        silent: some(0.2),
        mute: some(0.2),
        unavailable: some(0.3),
        later: some(0.3),
        refuses: some(0.05),
        not_found: some(0.03),
        forgets: some(0.3),
        pending: some(0.5),
        bad_expires: some(0.3),
        shortens: some(0.5),
        moves: some(0.5),
        broken: some(0.3),
        gaps: some(0.8),
    }
}

fn names(rng: &mut StdRng, mixed: bool) -> Vec<SubscriptionName> {
    let mut names = Vec::new();
    let packages: &[&str] = if mixed {
        &["presence", "dialog", "x-state"]
    } else {
        &[
            "presence",
            "dialog",
            "message-summary",
            "x-state",
            "presence;id=7",
        ]
    };
    for presentity in 0..rng.random_range(1..4) {
        for package in packages {
            for id in [None, Some("two")] {
                if names.is_empty() || rng.random_bool(if id.is_none() { 0.3 } else { 0.08 }) {
                    let user = if presentity == 1 && !mixed { "list" } else { "user" };
                    // Two subscriptions of one name but for the application's own id.
                    let watcher = if id.is_some() { "w2" } else { "w1" };
                    names.push(SubscriptionName {
                        presentity: format!("sip:{user}{presentity}@example.com").into(),
                        watcher: format!("sip:{watcher}@example.com").into(),
                        package: (*package).into(),
                        id: id.map(Into::into),
                    });
                }
            }
        }
    }
    names
}

fn steps(rng: &mut StdRng, life: &Life, hostile: bool) -> Vec<Step> {
    let calm = life.calm.as_millis() as u64;
    let mut steps = Vec::new();
    let bursts = rng.random_bool(0.3);
    let mut at = 0;
    for number in 0..rng.random_range(1..20) {
        if !(bursts && rng.random_bool(0.6)) {
            at = if number == 0 { 0 } else { rng.random_range(0..calm) };
        }
        let watch = rng.random_range(0..life.names.len());
        let what = match rng.random_range(0..10) {
            0..=2 => What::Unsubscribe {
                watch,
                wait: wait(rng),
                timeout: timeout(rng),
            },
            3 => What::Fetch {
                watch,
                timeout: timeout(rng),
            },
            _ => What::Subscribe {
                watch,
                lifetime: lifetime(rng),
                wait: wait(rng),
                timeout: timeout(rng),
            },
        };
        steps.push((at, what));
    }
    for _ in 0..rng.random_range(0..30) {
        let watch = rng.random_range(0..life.names.len());
        let what = if life.mixed {
            What::Publish(watch, rng.random_bool(0.75))
        } else {
            What::Change(watch)
        };
        let mut at = rng.random_range(0..calm);
        steps.push((at, what.clone()));
        // Few things come alone.
        while rng.random_bool(0.4) {
            at += rng.random_range(1..6000);
            steps.push((at.min(calm - 1), what.clone()));
        }
    }
    let span = |rng: &mut StdRng| Duration::from_millis(rng.random_range(1..calm.max(2)));
    for _ in 0..rng.random_range(0..6) {
        let watch = rng.random_range(0..life.names.len());
        let what = match rng.random_range(0..9) {
            0 | 1 => What::Restart,
            2 => What::Down(span(rng)),
            3 => What::Cut(span(rng)),
            4 | 5 => What::Crash(span(rng).min(Duration::from_secs(30)), rng.random()),
            6 => What::Configure,
            _ => What::End(watch, ending(rng)),
        };
        steps.push((rng.random_range(0..calm), what));
    }
    if hostile {
        for _ in 0..rng.random_range(1..25) {
            let watch = rng.random_range(0..life.names.len());
            steps.push((rng.random_range(0..calm), What::Attack(watch, rng.random())));
        }
    }
    steps.sort_by_key(|(at, _)| *at);
    steps
        .into_iter()
        .map(|(at, what)| Step {
            at: Duration::from_millis(at),
            what,
        })
        .collect()
}
