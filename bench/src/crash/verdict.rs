//! What is held compared with what was acknowledged.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::life::World;
use super::line::Line;
use super::load::WATCHER;
use super::model::{Model, Wanted, package, presentity, revision_in, revisions_in};

/// How long the server may take to have what is held and nothing else: a state whose entity-tag
/// died with a process stands beside the right one until its grant, of 20 s, is over.
const SETTLING: Duration = Duration::from_secs(60);

/// What was found wrong.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Acknowledged, and not there, or another document.
    pub(crate) lost: u32,
    /// Removed, and there again.
    pub(crate) back: u32,
    /// At the presence server something else than what is held.
    pub(crate) wrong_at_server: u32,
    pub(crate) looked_at: u32,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0 && self.back == 0 && self.wrong_at_server == 0
    }

    /// Compares all that the daemon holds after a start with the model, and settles what was in
    /// doubt.
    pub(crate) fn after_start(&mut self, round: u32, world: &World, model: &mut Model) -> anyhow::Result<()> {
        let mut line = world.line("check.mi", "daemon")?;
        let listed = rows(&mut line, "pua:list", "publications")?;
        let mut held: HashMap<String, Wanted> = HashMap::new();
        for row in &listed {
            let uri = row["presentity"].as_str().unwrap_or_default().to_owned();
            // One that is being withdrawn is wanted no more, and may be gone when it is asked for.
            if row["state"] == "removing" {
                continue;
            }
            let params = json!({"presentity_uri": uri, "event_package": row["package"]});
            let document = match line.call("pua:show", &params)? {
                Ok(show) => show["body"].as_str().and_then(revision_in),
                Err(_) => None,
            };
            held.insert(uri, document);
        }
        for (index, item) in model.publications.iter_mut().enumerate() {
            let found = held.get(&presentity(index)).copied().flatten();
            if !item.allows(found) {
                self.tell(round, &presentity(index), item.known, &item.perhaps, found);
            }
            item.settle(found);
        }
        let listed = rows(&mut line, "pua:subscriptions", "subscriptions")?;
        let held: HashMap<&str, ()> = listed
            .iter()
            .filter_map(|row| Some((row["presentity"].as_str()?, ())))
            .collect();
        for (index, item) in model.subscriptions.iter_mut().enumerate() {
            let uri = presentity(index * 2);
            let found = held.contains_key(uri.as_str()).then_some(0);
            if !item.allows(found) {
                self.tell(
                    round,
                    &format!("the subscription to {uri}"),
                    item.known,
                    &item.perhaps,
                    found,
                );
            }
            item.settle(found);
        }
        Ok(())
    }

    fn tell(&mut self, round: u32, what: &str, known: Wanted, perhaps: &[Wanted], found: Wanted) {
        match (known, found) {
            (None, Some(_)) => self.back += 1,
            _ => self.lost += 1,
        }
        println!("round {round}: {what}: acknowledged {known:?}, perhaps {perhaps:?}, found {found:?}");
    }

    /// Compares what the presence server tells a watcher with what is held, until it is the same
    /// or the time is over.
    pub(crate) fn at_the_server(&mut self, world: &World, model: &Model) -> anyhow::Result<()> {
        let mut line = world.line("observe.mi", "observer")?;
        let start = Instant::now();
        for (index, item) in model.publications.iter().enumerate() {
            self.looked_at += 1;
            loop {
                let told = told(&mut line, index)?;
                if revisions_in(&told) == Vec::from_iter(item.known) {
                    break;
                }
                if start.elapsed() > SETTLING {
                    self.wrong_at_server += 1;
                    println!(
                        "{}: acknowledged {:?}, the server tells {told}",
                        presentity(index),
                        item.known
                    );
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }
}

/// The body that a watcher is told, empty if there is none.
fn told(line: &mut Line, index: usize) -> anyhow::Result<String> {
    let params = json!({"presentity_uri": presentity(index), "watcher_uri": WATCHER, "event_package": package(index), "raw": true});
    let answer = line
        .call("pua:fetch", &params)?
        .map_err(|error| anyhow::anyhow!("pua:fetch: {error}"))?;
    let mut text = answer["body"].as_str().unwrap_or_default().to_owned();
    for state in answer["states"].as_array().into_iter().flatten() {
        text += state["body"].as_str().unwrap_or_default();
    }
    Ok(text)
}

/// All rows of a listing.
fn rows(line: &mut Line, method: &str, member: &str) -> anyhow::Result<Vec<Value>> {
    let (mut rows, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut params = json!({"limit": 50});
        if !cursor.is_null() {
            params["cursor"] = cursor;
        }
        let mut page = line
            .call(method, &params)?
            .map_err(|error| anyhow::anyhow!("{method}: {error}"))?;
        rows.append(page[member].as_array_mut().context("no rows")?);
        cursor = page["next"].take();
        if cursor.is_null() {
            return Ok(rows);
        }
    }
}
