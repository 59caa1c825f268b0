//! Events as JSON lines, as many at once as are there.

use crate::events::{Consumer, Cursor, Item, Kind};

use super::counts::Counts;

/// Bytes of a batch, about.
pub(super) const CHUNK: usize = 32 * 1024;

/// Lines to be written, each with its line end.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    pub(super) events: u64,
    /// From where one comes to the first of these again; `None`: only by a snapshot.
    pub(super) before: Option<Cursor>,
    /// From where one goes on after these; `None`: a snapshot is under way.
    pub(super) after: Option<Cursor>,
}

/// The next lines, at least one event; `None`: the stream has ended. May be dropped at any time
/// without losing anything.
pub(super) async fn lines(
    consumer: &mut Consumer,
    counts: &Counts,
    shape: &impl Fn(&Item) -> Option<Vec<u8>>,
) -> Option<Lines> {
    let mut lines = Lines::default();
    loop {
        let first = consumer.next().await?;
        lines.take(&first, counts, shape);
        while lines.bytes.len() < CHUNK
            && let Some(item) = consumer.try_next()
        {
            lines.take(&item, counts, shape);
        }
        if lines.events > 0 {
            return Some(lines);
        }
    }
}

impl Lines {
    fn take(&mut self, item: &Item, counts: &Counts, shape: &impl Fn(&Item) -> Option<Vec<u8>>) {
        if item.kind() == Kind::Gap {
            counts.gap();
        }
        self.after = item.cursor();
        if let Some(line) = shape(item) {
            if self.events == 0 && item.event().is_some() {
                self.before = item.cursor().map(|cursor| Cursor {
                    number: cursor.number.saturating_sub(1),
                    ..cursor
                });
            }
            self.bytes.extend_from_slice(&line);
            self.bytes.push(b'\n');
            self.events += 1;
        }
    }
}

/// The event's own JSON. That nothing was before the first event, nobody has to be told.
pub(super) fn plain(raw: bool) -> impl Fn(&Item) -> Option<Vec<u8>> {
    move |item| (item.kind() != Kind::Attached).then(|| item.json(raw).to_vec())
}
