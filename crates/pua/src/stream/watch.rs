//! `pua:watch` on a stream socket: the call's answer, and after it a JSON-RPC notification
//! `pua:event` for each event, until the connection is closed.
//!
//! ```text
//! --> {"jsonrpc":"2.0","id":1,"method":"pua:watch","params":{"presentity":"sip:alice@example.com"}}
//! <-- {"jsonrpc":"2.0","result":{"watching":true},"id":1}
//! <-- {"jsonrpc":"2.0","method":"pua:event","params":{"seq":17,"type":"snapshot_begin",...}}
//! ```

use pua_mi::MiError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::events::{Consumer, Feed, Item, Request};

/// The method's name.
const METHOD: &str = "pua:watch";
/// Bytes written at once when there are many events.
const CHUNK: usize = 32 * 1024;

/// A call of `pua:watch`.
#[derive(Debug, Deserialize)]
pub(super) struct Call {
    method: String,
    id: Option<Value>,
    #[serde(default)]
    params: Value,
}

impl Call {
    /// The call on a line; `None`: it is something else.
    pub(super) fn read(line: &[u8]) -> Option<Call> {
        // Most lines are something else: looking is cheaper than reading.
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|text| text.contains(METHOD))?;
        let call: Call = serde_json::from_str(text).ok()?;
        (call.method == METHOD).then_some(call)
    }

    /// Begins to watch; what is to be answered at once if that cannot be.
    pub(super) fn begin(self, feed: &Feed, watch: &mut Option<Watch>) -> Option<Vec<u8>> {
        match self.attach(feed, watch.is_some()) {
            Ok(begun) => {
                *watch = Some(begun);
                None
            }
            Err(error) => {
                let mut told = json!({"code": error.code, "message": error.message});
                if let Some(data) = error.data {
                    told["data"] = data;
                }
                self.respond("error", told)
            }
        }
    }

    fn attach(&self, feed: &Feed, watching: bool) -> Result<Watch, MiError> {
        if watching {
            let hint = "this connection watches already: open another one";
            return Err(MiError::new(400, "Watching already").with_data(hint));
        }
        let wanted = Request::from_params(&self.params)
            .map_err(|error| MiError::new(-32602, "Invalid params").with_data(error.to_string()))?;
        let consumer = feed
            .attach(wanted.filter, wanted.start)
            .map_err(|error| MiError::busy().with_data(error.to_string()))?;
        Ok(Watch {
            consumer,
            raw: wanted.raw,
            answer: self.respond("result", json!({"watching": true})),
        })
    }

    /// A line with the answer, if the caller wants one.
    fn respond(&self, member: &str, value: Value) -> Option<Vec<u8>> {
        let id = self.id.as_ref()?;
        Some(format!("{{\"jsonrpc\":\"2.0\",\"{member}\":{value},\"id\":{id}}}\n").into_bytes())
    }
}

/// What a connection watches.
#[derive(Debug)]
pub(super) struct Watch {
    consumer: Consumer,
    raw: bool,
    /// Comes before the first event.
    answer: Option<Vec<u8>>,
}

impl Watch {
    /// The next lines to write; `None`: the daemon stops, or nothing is watched. May be dropped at
    /// any time without losing anything.
    pub(super) async fn lines(watch: &mut Option<Watch>) -> Option<Vec<u8>> {
        let watch = watch.as_mut()?;
        if let Some(answer) = watch.answer.take() {
            return Some(answer);
        }
        let mut lines = Vec::new();
        let first = watch.consumer.next().await?;
        watch.write(&mut lines, &first);
        while lines.len() < CHUNK
            && let Some(item) = watch.consumer.try_next()
        {
            watch.write(&mut lines, &item);
        }
        Some(lines)
    }

    fn write(&self, lines: &mut Vec<u8>, item: &Item) {
        let json = item.json(self.raw);
        lines.reserve(json.len() + 64);
        lines.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"pua:event\",\"params\":");
        lines.extend_from_slice(&json);
        lines.extend_from_slice(b"}\n");
    }
}
