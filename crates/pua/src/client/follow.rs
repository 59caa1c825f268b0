//! The stream of events without an end: when the daemon goes away it is waited for, and the stream
//! goes on where it stopped.

use std::time::Duration;

use serde_json::{Map, Value};

use super::events::{Event, Events};
use super::{Client, Failure};

/// Until a daemon that went away is looked for again; longer each time.
const FIRST: Duration = Duration::from_millis(100);
/// And at most.
const MOST: Duration = Duration::from_secs(1);

/// What a follower hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An event.
    Event(Box<Event>),
    /// The daemon has gone.
    Lost,
    /// It is there again. What was missed comes next, or a gap and the present state.
    Back,
}

/// A stream of events that outlives the daemon.
pub(crate) struct Follow {
    client: Client,
    params: Map<String, Value>,
    events: Option<Events>,
    wait: Duration,
}

impl Follow {
    /// Attaches, with the parameters of `pua:watch`.
    ///
    /// # Errors
    /// [`Failure`]: nobody answers, or the daemon refuses the parameters. Only the beginning can fail
    /// for want of a daemon.
    pub(crate) async fn start(client: Client, params: Map<String, Value>) -> Result<Follow, Failure> {
        let events = client.events(&Value::Object(params.clone())).await?;
        Ok(Follow {
            client,
            params,
            events: Some(events),
            wait: FIRST,
        })
    }

    /// What is heard next. May be dropped at any time without losing anything.
    ///
    /// # Errors
    /// [`Failure::Refused`]: the daemon that came back does not take the parameters.
    pub(crate) async fn next(&mut self) -> Result<Heard, Failure> {
        let Some(events) = &mut self.events else {
            return self.again().await;
        };
        // However it ended, it is tried again.
        let Ok(Some(event)) = events.next().await else {
            self.events = None;
            return Ok(Heard::Lost);
        };
        self.wait = FIRST;
        if let Some(cursor) = event.text("cursor") {
            self.params.insert("cursor".into(), cursor.into());
        }
        Ok(Heard::Event(Box::new(event)))
    }

    async fn again(&mut self) -> Result<Heard, Failure> {
        loop {
            tokio::time::sleep(self.wait).await;
            match self.client.events(&Value::Object(self.params.clone())).await {
                Ok(events) => {
                    self.events = Some(events);
                    return Ok(Heard::Back);
                }
                // Too many consumers: there may be room later.
                Err(failure @ Failure::Refused { code, .. }) if code != 503 => return Err(failure),
                Err(_) => self.wait = (self.wait * 2).min(MOST),
            }
        }
    }
}
