//! What the daemon has acknowledged, and what may therefore be held.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What an application wants of one name: a revision of its document, or nothing.
pub(crate) type Wanted = Option<u64>;

/// One publication or subscription.
#[derive(Clone, Debug, Default)]
pub(crate) struct Item {
    /// What was acknowledged last.
    pub(crate) known: Wanted,
    /// What else may stand after a kill.
    pub(crate) perhaps: Vec<Wanted>,
    /// A call under way.
    pub(crate) pending: Option<Wanted>,
    /// What was acknowledged lately, with what was known before.
    recent: VecDeque<(Instant, Wanted)>,
}

impl Item {
    /// A call was acknowledged: it is so.
    pub(crate) fn acknowledged(&mut self) {
        if let Some(now_known) = self.pending.take() {
            let before = std::mem::replace(&mut self.known, now_known);
            self.recent.push_back((Instant::now(), before));
            if self.recent.len() > 64 {
                self.recent.pop_front();
            }
        }
    }

    /// A call was not taken: nothing has changed.
    pub(crate) fn refused(&mut self) {
        self.pending = None;
    }

    /// The daemon was killed: what was under way may stand or not. `doubt`: acknowledgements so
    /// young may be lost too.
    fn killed(&mut self, at: Instant, doubt: Duration) {
        if let Some(pending) = self.pending.take() {
            self.perhaps.push(pending);
        }
        for (when, before) in self.recent.drain(..) {
            if at.duration_since(when) < doubt {
                self.perhaps.push(before);
            }
        }
    }

    /// Whether `held` is one of what may be.
    pub(crate) fn allows(&self, held: Wanted) -> bool {
        self.known == held || self.perhaps.contains(&held)
    }

    /// After the comparison: from now on it is this.
    pub(crate) fn settle(&mut self, held: Wanted) {
        self.known = held;
        self.perhaps.clear();
    }
}

/// All names that the load goes round.
pub(crate) struct Model {
    pub(crate) publications: Vec<Item>,
    pub(crate) subscriptions: Vec<Item>,
    /// The last revision given out.
    revision: u64,
}

impl Model {
    pub(crate) fn new(publications: usize, subscriptions: usize) -> Model {
        Model {
            publications: vec![Item::default(); publications],
            subscriptions: vec![Item::default(); subscriptions],
            revision: 0,
        }
    }

    pub(crate) fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    pub(crate) fn killed(&mut self, doubt: Duration) {
        let now = Instant::now();
        for item in self.publications.iter_mut().chain(&mut self.subscriptions) {
            item.killed(now, doubt);
        }
    }

    /// How many publications and subscriptions stand.
    pub(crate) fn held(&self) -> (usize, usize) {
        let count = |items: &[Item]| items.iter().filter(|item| item.known.is_some()).count();
        (count(&self.publications), count(&self.subscriptions))
    }
}

/// Half of the publications are presence documents, half message summaries.
pub(crate) fn package(index: usize) -> &'static str {
    match index % 2 {
        0 => "presence",
        _ => "message-summary",
    }
}

/// The presentity of a publication.
pub(crate) fn presentity(index: usize) -> String {
    format!("sip:c{index}@crash.example")
}

/// The document of a revision, and its type.
pub(crate) fn document(index: usize, revision: u64) -> (&'static str, String) {
    match package(index) {
        "presence" => (
            "application/pidf+xml",
            format!(
                "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='{}'><tuple id='t1'><status><basic>open</basic></status><note>{}</note></tuple></presence>",
                presentity(index),
                format_args!("revision {revision}.")
            ),
        ),
        _ => (
            "application/simple-message-summary",
            format!(
                "Messages-Waiting: yes\r\nMessage-Account: {}\r\nVoice-Message: {revision}/7 (0/0)\r\n",
                presentity(index)
            ),
        ),
    }
}

/// The revision of a document that was found.
pub(crate) fn revision_in(text: &str) -> Option<u64> {
    revisions_in(text).first().copied()
}

/// The revisions of all documents that were found side by side.
pub(crate) fn revisions_in(text: &str) -> Vec<u64> {
    let number = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    };
    let after = |words: &'static str| text.split(words).skip(1).filter_map(number);
    after("revision ").chain(after("Voice-Message: ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_under_way_may_stand_or_not_what_was_answered_must() {
        let mut item = Item {
            pending: Some(Some(1)),
            ..Item::default()
        };
        item.acknowledged();
        item.pending = Some(Some(2));
        item.killed(Instant::now(), Duration::ZERO);
        assert!(item.allows(Some(1)) && item.allows(Some(2)) && !item.allows(None));
        item.settle(Some(2));
        assert!(!item.allows(Some(1)));
        item.pending = Some(None);
        item.acknowledged();
        item.killed(Instant::now(), Duration::ZERO);
        assert!(item.allows(None) && !item.allows(Some(2)));
    }

    #[test]
    fn young_acknowledgements_are_in_doubt_when_writes_are_relaxed() {
        let mut item = Item {
            pending: Some(Some(1)),
            ..Item::default()
        };
        item.acknowledged();
        item.killed(Instant::now(), Duration::from_secs(60));
        assert!(item.allows(None) && item.allows(Some(1)));
    }

    #[test]
    fn documents_hold_their_revision() {
        for index in [0, 1] {
            let (_, body) = document(index, 4711);
            assert_eq!(revisions_in(&body), [4711]);
        }
    }
}
