//! Carriers against receivers on this machine, which go away and come back.

mod sinks;
mod sockets;
mod webhooks;

use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Carriers, Carrying};
use crate::events::test_feed::TestFeed;
use crate::events::{Bounds, Life};

/// A stream and its carriers.
struct Bed {
    feed: TestFeed,
    carriers: Carriers,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Bed {
    /// With a ring of so many events.
    fn new(ring: usize, carrying: Carrying) -> Bed {
        Bed::in_life(ring, carrying, Life::only())
    }

    /// The same in a life that may have had others before it.
    fn in_life(ring: usize, carrying: Carrying, life: Life) -> Bed {
        let bounds = Bounds {
            events: ring,
            bytes: 1 << 24,
            consumers: 8,
        };
        let feed = TestFeed::in_life(&Handle::current(), bounds, life);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut carriers = Carriers::new(feed.feed.clone(), Handle::current(), tasks.clone(), stop.clone());
        carriers.configure(&carrying);
        Bed {
            feed,
            carriers,
            tasks,
            stop,
        }
    }

    /// Publications of these users are granted, one after the other.
    fn grant(&mut self, users: std::ops::Range<usize>) {
        for user in users {
            self.feed.grant(&[&presentity(user)]);
        }
    }

    fn count(&self, group: &str, name: &str) -> u64 {
        let figures = self.carriers.figures();
        let (_, counts) = figures.iter().find(|(known, _)| *known == group).unwrap();
        counts.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The daemon stops; all carriers end.
    async fn end(self) {
        self.stop.cancel();
        drop(self.feed.inlet);
        self.tasks.close();
        in_time(self.tasks.wait()).await;
    }
}

fn presentity(user: usize) -> String {
    format!("sip:{user}@example.com")
}

/// Which user's presentity an event is about.
fn user(event: &Value) -> usize {
    let uri = event["presentity"].as_str().unwrap_or_else(|| panic!("{event}"));
    uri.trim_start_matches("sip:")
        .split('@')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// Nothing in these tests takes that long.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}
