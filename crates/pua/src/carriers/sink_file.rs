//! `file:/path`: appends a line for each event. A full disk is waited for.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::counts::Counts;
use super::gather::{lines, plain};
use super::lines_file::LinesFile;
use crate::events::Consumer;

/// Writes until the stream ends. `hangup` changes when the file is to be opened anew.
pub(super) async fn run(
    mut file: LinesFile,
    raw: bool,
    mut consumer: Consumer,
    counts: &Counts,
    mut hangup: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let shape = plain(raw);
    let mut backoff = Backoff::near();
    while let Some(mut batch) = lines(&mut consumer, counts, &shape).await {
        loop {
            if hangup.has_changed().unwrap_or(false) {
                hangup.mark_unchanged();
                file.reopen();
            }
            // A disk may take its time: not on a thread that serves others.
            let write = tokio::task::spawn_blocking(move || {
                let result = file.append(&batch.bytes);
                (file, batch, result)
            });
            let Ok((back, written, result)) = write.await else {
                return;
            };
            (file, batch) = (back, written);
            match result {
                Ok(()) => break,
                Err(error) => {
                    counts.failed();
                    tracing::warn!(%error, "events cannot be written to a file");
                    if stop.is_cancelled() {
                        return;
                    }
                }
            }
            counts.retried();
            tokio::select! {
                () = backoff.wait(&stop) => {}
                Ok(()) = hangup.changed() => file.reopen(),
            }
        }
        backoff.reset();
        counts.sent(batch.events);
    }
}
