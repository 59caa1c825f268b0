//! Calls without end: publications made, changed and withdrawn, subscriptions made and ended.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::Random;
use super::life::World;
use super::line::Line;
use super::model::{Model, document, package, presentity};

/// Who watches.
pub(crate) const WATCHER: &str = "sip:watcher@crash.example";

#[derive(Clone, Copy)]
enum Target {
    Publication(usize),
    Subscription(usize),
}

/// Calls under way by their numbers.
pub(crate) struct Load {
    line: Line,
    outstanding: usize,
    calls: HashMap<u64, Target>,
    /// Calls answered.
    pub(crate) answered: u64,
}

impl Load {
    pub(crate) fn new(world: &World, outstanding: usize) -> anyhow::Result<Load> {
        Ok(Load {
            line: world.line("load.mi", "daemon")?,
            outstanding,
            calls: HashMap::new(),
            answered: 0,
        })
    }

    /// Keeps calls outstanding until then.
    pub(crate) fn run(
        &mut self,
        model: &mut Model,
        random: &mut Random,
        until: Instant,
    ) -> anyhow::Result<()> {
        while Instant::now() < until {
            while self.calls.len() < self.outstanding && self.call(model, random)? {}
            if let Some((id, answer)) = self.line.receive()? {
                self.take(model, id, &answer);
            }
        }
        Ok(())
    }

    /// Reads the answers that had left before the kill.
    pub(crate) fn drain(&mut self, model: &mut Model) -> anyhow::Result<()> {
        while let Some((id, answer)) = self.line.receive()? {
            self.take(model, id, &answer);
        }
        Ok(())
    }

    /// Calls without an answer.
    pub(crate) fn under_way(&self) -> u64 {
        self.calls.len() as u64
    }

    /// Makes one call on a name that has none under way; whether one was found.
    fn call(&mut self, model: &mut Model, random: &mut Random) -> anyhow::Result<bool> {
        let revision = model.next_revision();
        if random.below(100) < 15 && !model.subscriptions.is_empty() {
            let index = random.below(model.subscriptions.len() as u64) as usize;
            let Some(item) = model.subscriptions.get_mut(index) else {
                return Ok(false);
            };
            if item.pending.is_some() {
                return Ok(true);
            }
            let wanted = item.known.is_none() || random.one_in(3);
            item.pending = Some(wanted.then_some(0));
            let mut params = json!({"presentity_uri": presentity(index * 2), "watcher_uri": WATCHER, "event_package": "presence"});
            let method = match wanted {
                true => {
                    params["expires"] = json!("-1");
                    "pua_subscribe"
                }
                false => "pua:unsubscribe",
            };
            let id = self.line.send(method, &params)?;
            self.calls.insert(id, Target::Subscription(index));
            return Ok(true);
        }
        let index = random.below(model.publications.len() as u64) as usize;
        let Some(item) = model.publications.get_mut(index) else {
            return Ok(false);
        };
        if item.pending.is_some() {
            return Ok(true);
        }
        let mut params = json!({"presentity_uri": presentity(index), "event_package": package(index)});
        let method = if item.known.is_some() && random.one_in(5) {
            item.pending = Some(None);
            "pua:remove"
        } else {
            let (content_type, body) = document(index, revision);
            params["expires"] = json!("-1");
            params["content_type"] = json!(content_type);
            params["body"] = json!(body);
            if random.one_in(4) {
                params["wait"] = json!("accepted");
            }
            item.pending = Some(Some(revision));
            "pua:publish"
        };
        let id = self.line.send(method, &params)?;
        self.calls.insert(id, Target::Publication(index));
        Ok(true)
    }

    fn take(&mut self, model: &mut Model, id: u64, answer: &Value) {
        let Some(target) = self.calls.remove(&id) else {
            return;
        };
        let item = match target {
            Target::Publication(index) => model.publications.get_mut(index),
            Target::Subscription(index) => model.subscriptions.get_mut(index),
        };
        let Some(item) = item else { return };
        // An error means that the command was not taken; every other answer, also one that tells
        // of a refusal by the server, that it was.
        match answer.get("error") {
            None => {
                self.answered += 1;
                item.acknowledged();
            }
            Some(_) => item.refused(),
        }
    }
}
