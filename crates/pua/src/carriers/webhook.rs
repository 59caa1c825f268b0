//! Webhooks: events by HTTP POST, in order, each until the receiver has taken it or has refused it
//! for good.
//!
//! While a hook is down its events wait in the ring; what falls out of it meanwhile is told by a
//! `gap` event when the hook is up again.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, rest};
use super::counts::Counts;
use super::lines_file::LinesFile;
use super::post::Client;
use super::settings::Webhook;
use super::signature;
use crate::clock::Clock;
use crate::events::{Consumer, Item, Kind};

/// Bytes of a request with several events, about.
const BODY: usize = 1024 * 1024;
/// How long the last requests may take when the daemon stops.
const LAST: Duration = Duration::from_secs(1);

/// Events of one request.
#[derive(Debug, Default)]
struct Batch {
    events: Vec<Bytes>,
    bytes: usize,
}

/// Why a batch is given up.
#[derive(Debug)]
struct GivenUp {
    why: String,
    attempts: u32,
}

/// One hook at work.
pub(super) struct Hook<'a> {
    /// What it is called in the configuration: two may have the same host, and what stands behind
    /// that may be a secret.
    key: String,
    hook: &'a Webhook,
    client: Client,
    dead_letters: Option<LinesFile>,
    counts: &'a Counts,
    stop: &'a CancellationToken,
}

impl<'a> Hook<'a> {
    /// The hook with this number in the configuration.
    pub(super) fn new(
        number: usize,
        hook: &'a Webhook,
        counts: &'a Counts,
        stop: &'a CancellationToken,
    ) -> Hook<'a> {
        let file = hook.dead_letters.clone();
        Hook {
            key: format!("events.webhooks.{number}"),
            hook,
            client: Client::new(hook.url.clone(), hook.timeout),
            dead_letters: file.map(|path| LinesFile::new(path, hook.dead_letters_max)),
            counts,
            stop,
        }
    }

    /// Delivers until the stream ends.
    pub(super) async fn run(mut self, mut consumer: Consumer) {
        let mut down = false;
        while let Some(batch) = self.gather(&mut consumer).await {
            // While the daemon stops there is no time for a receiver that is down.
            let result = match down && self.stop.is_cancelled() {
                true => Err(GivenUp {
                    why: "the daemon stops".to_owned(),
                    attempts: 0,
                }),
                false => self.deliver(&batch).await,
            };
            match result {
                Ok(()) => {
                    down = false;
                    self.counts.sent(batch.events.len() as u64);
                }
                Err(given_up) => {
                    down = true;
                    self.bury(batch, &given_up).await;
                }
            }
        }
    }

    /// What goes with the next request; `None`: the stream has ended.
    async fn gather(&self, consumer: &mut Consumer) -> Option<Batch> {
        let mut batch = Batch::default();
        while batch.events.is_empty() {
            self.take(&mut batch, &consumer.next().await?);
        }
        while batch.events.len() < self.hook.batch
            && batch.bytes < BODY
            && let Some(item) = consumer.try_next()
        {
            self.take(&mut batch, &item);
        }
        Some(batch)
    }

    fn take(&self, batch: &mut Batch, item: &Item) {
        match item.kind() {
            Kind::Attached => return,
            Kind::Gap => self.counts.gap(),
            _ => {}
        }
        let json = item.json(self.hook.wanted.raw);
        batch.bytes += json.len() + 1;
        batch.events.push(json);
    }

    async fn deliver(&mut self, batch: &Batch) -> Result<(), GivenUp> {
        let body = batch.body(self.hook.batch > 1);
        let delivery = signature::delivery(&body);
        let mut backoff = Backoff::new(self.hook.retry_first, self.hook.retry_max);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (why, pause) = match self.attempt(&delivery, attempts, &body).await {
                Ok(answer) if answer.status.is_success() => return Ok(()),
                Ok(answer) => {
                    let pause = answer.retry_after.unwrap_or_default().max(backoff.pause());
                    let why = format!("HTTP {}", answer.status.as_u16());
                    (why, answer.is_transient().then_some(pause))
                }
                Err(why) => (why, Some(backoff.pause())),
            };
            self.counts.failed();
            tracing::debug!(hook = self.key, url = %self.hook.url, %why, attempts, "a webhook was not delivered");
            let pause = pause.filter(|_| attempts < self.hook.attempts && !self.stop.is_cancelled());
            let Some(pause) = pause else {
                return Err(GivenUp { why, attempts });
            };
            self.counts.retried();
            rest(pause, self.stop).await;
        }
    }

    async fn attempt(
        &mut self,
        delivery: &str,
        attempts: u32,
        body: &Bytes,
    ) -> Result<super::post::Answer, String> {
        let now = jiff::Timestamp::now().as_second();
        let secret = self.hook.secret.as_ref();
        let signature = secret.map(|secret| signature::sign(secret, now, body));
        let attempts = attempts.to_string();
        let mut headers = vec![("x-pua-delivery", delivery), ("x-pua-attempt", attempts.as_str())];
        headers.extend(signature.as_deref().map(|value| ("x-pua-signature", value)));
        let stop = self.stop;
        let last = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            result = self.client.post(&headers, body.clone()) => result,
            () = last => Err("the daemon stops".to_owned()),
        }
    }

    /// Writes what was given up to the file of dead letters.
    async fn bury(&mut self, batch: Batch, given_up: &GivenUp) {
        let events = batch.events.len() as u64;
        self.counts.dead_lettered(events);
        let kept = self.dead_letters.is_some();
        tracing::warn!(hook = self.key, url = %self.hook.url, why = given_up.why, events, kept, "events were not delivered to a webhook");
        let Some(mut file) = self.dead_letters.take() else {
            return;
        };
        let lines = batch.obituaries(&self.key, &self.hook.url.to_string(), given_up);
        let write = tokio::task::spawn_blocking(move || {
            let result = file.append(&lines);
            (file, result)
        });
        if let Ok((file, result)) = write.await {
            if let Err(error) = result {
                tracing::error!(hook = self.key, %error, events, "events cannot be written to the file of dead letters and are lost");
            }
            self.dead_letters = Some(file);
        }
    }
}

impl Batch {
    fn body(&self, array: bool) -> Bytes {
        match self.events.as_slice() {
            [event] if !array => event.clone(),
            events => {
                let mut body = Vec::with_capacity(self.bytes + 2);
                body.push(b'[');
                for (i, event) in events.iter().enumerate() {
                    if i > 0 {
                        body.push(b',');
                    }
                    body.extend_from_slice(event);
                }
                body.push(b']');
                Bytes::from(body)
            }
        }
    }

    /// A JSON line for each event.
    fn obituaries(&self, key: &str, hook: &str, given_up: &GivenUp) -> Vec<u8> {
        let mut lines = Vec::new();
        let time = Clock::read().rfc3339_millis();
        for event in &self.events {
            let event: Value = serde_json::from_slice(event).unwrap_or(Value::Null);
            let line = json!({
                "time": time, "key": key, "hook": hook, "why": given_up.why, "attempts": given_up.attempts, "event": event,
            });
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
        }
        lines
    }
}
