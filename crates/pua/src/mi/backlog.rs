//! Replies whose clients' queues are full: kept in order for each client and tried again until
//! the socket timeout is over.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use nix::sys::socket::UnixAddr;

/// The first pause before another attempt: a client that only waits for the processor needs no
/// more, and then the loop is busy and looks in time. The pause doubles, up to [`PAUSE`].
const FIRST: Duration = Duration::from_micros(100);
const PAUSE: Duration = Duration::from_millis(20);
/// Replies that may wait in all, and for one client.
const TOTAL: usize = 8192;
const PER_CLIENT: usize = 1024;

/// A client by the name of its socket and the port it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) port: usize,
    pub(crate) address: UnixAddr,
}

#[derive(Debug, Default)]
struct Queue {
    /// Each with the time it is given up.
    replies: VecDeque<(Instant, Vec<u8>)>,
    pause: Duration,
}

/// The replies that wait.
#[derive(Debug)]
pub(crate) struct Backlog {
    timeout: Duration,
    queues: HashMap<Client, Queue>,
    due: BTreeMap<(Instant, u64), Client>,
    serial: u64,
    len: usize,
}

impl Backlog {
    pub(crate) fn new(timeout: Duration) -> Backlog {
        Backlog {
            timeout,
            queues: HashMap::new(),
            due: BTreeMap::new(),
            serial: 0,
            len: 0,
        }
    }

    /// Replies that wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether replies wait for this client.
    pub(crate) fn waits_for(&self, client: &Client) -> bool {
        !self.queues.is_empty() && self.queues.contains_key(client)
    }

    /// Keeps a reply; how many were dropped for want of room (0 or 1).
    pub(crate) fn push(&mut self, now: Instant, client: Client, bytes: Vec<u8>) -> u64 {
        let fresh = !self.queues.contains_key(&client);
        let queue = self.queues.entry(client).or_default();
        if self.len >= TOTAL || queue.replies.len() >= PER_CLIENT {
            if fresh {
                self.queues.remove(&client);
            }
            return 1;
        }
        queue.replies.push_back((now + self.timeout, bytes));
        self.len += 1;
        if fresh {
            queue.pause = FIRST;
            self.schedule(now + FIRST, client);
        }
        0
    }

    fn schedule(&mut self, at: Instant, client: Client) {
        self.serial += 1;
        self.due.insert((at, self.serial), client);
    }

    /// When [`Backlog::due`] has something.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// A client to be tried again. To be followed by [`Backlog::pop`] until nothing is left, or
    /// by [`Backlog::later`] or [`Backlog::forget`].
    pub(crate) fn due(&mut self, now: Instant) -> Option<Client> {
        let entry = self.due.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// The first reply for a client.
    pub(crate) fn front(&self, client: &Client) -> Option<&[u8]> {
        self.queues.get(client)?.replies.front().map(|(_, b)| &b[..])
    }

    /// The first reply is on its way.
    pub(crate) fn pop(&mut self, client: &Client) {
        if let Some(queue) = self.queues.get_mut(client) {
            if queue.replies.pop_front().is_some() {
                self.len -= 1;
            }
            queue.pause = FIRST;
            if queue.replies.is_empty() {
                self.queues.remove(client);
            }
        }
    }

    /// The client's queue is still full; how many replies have waited too long and are dropped.
    pub(crate) fn later(&mut self, now: Instant, client: Client) -> u64 {
        let Some(queue) = self.queues.get_mut(&client) else {
            return 0;
        };
        let before = queue.replies.len();
        queue.replies.retain(|(until, _)| now < *until);
        let dropped = before - queue.replies.len();
        self.len -= dropped;
        if queue.replies.is_empty() {
            self.queues.remove(&client);
        } else {
            let pause = queue.pause;
            queue.pause = (pause * 2).min(PAUSE);
            self.schedule(now + pause, client);
        }
        dropped as u64
    }

    /// The client is gone; how many replies are dropped with it.
    pub(crate) fn forget(&mut self, client: &Client) -> u64 {
        let dropped = self.queues.remove(client).map_or(0, |q| q.replies.len());
        self.len -= dropped;
        dropped as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Client {
        Client {
            port: 0,
            address: UnixAddr::new(name).unwrap(),
        }
    }

    #[test]
    fn tried_again_until_the_timeout() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut backlog = Backlog::new(Duration::from_millis(100));
        let one = client("/a");
        assert_eq!(backlog.push(start, one, b"1".to_vec()), 0);
        assert_eq!(backlog.push(at(50), one, b"2".to_vec()), 0);
        assert!(backlog.waits_for(&one));
        assert_eq!(backlog.due(start), None);
        assert_eq!(backlog.next_timeout(), Some(start + FIRST));
        assert_eq!(backlog.due(at(1)), Some(one));
        assert_eq!(backlog.later(at(1), one), 0);
        assert_eq!(backlog.next_timeout(), Some(at(1) + FIRST));
        // The first one's time is over, the second one's is not.
        assert_eq!(backlog.due(at(110)), Some(one));
        assert_eq!(backlog.later(at(110), one), 1);
        assert_eq!(backlog.front(&one), Some(&b"2"[..]));
        assert_eq!(backlog.due(at(200)), Some(one));
        backlog.pop(&one);
        assert_eq!(backlog.front(&one), None);
        assert!(!backlog.waits_for(&one));
        assert_eq!((backlog.len(), backlog.next_timeout()), (0, None));
    }

    #[test]
    fn one_client_cannot_take_all_the_room() {
        let now = Instant::now();
        let mut backlog = Backlog::new(Duration::from_secs(1));
        for _ in 0..PER_CLIENT {
            assert_eq!(backlog.push(now, client("/a"), vec![0]), 0);
        }
        assert_eq!(backlog.push(now, client("/a"), vec![0]), 1);
        assert_eq!(backlog.push(now, client("/b"), vec![0]), 0);
        assert_eq!(backlog.forget(&client("/a")), PER_CLIENT as u64);
        assert_eq!(backlog.len(), 1);
    }
}
