//! What applications and fate do to the world.

use std::sync::Arc;
use std::time::Duration;

use pua_core::{
    Command, Hop, Input, Lifetime, PublicationName, Publish, Refusal, Target, Transport, Unreachable, Wait,
};

use crate::document::document;
use crate::life::What;
use crate::violation::Violation;
use crate::wishes::{Expected, Wish};
use crate::world::{Event, World};

impl World {
    pub(crate) fn die(&mut self, span: Duration) {
        self.note(|| format!("the daemon is killed for {span:?}"));
        self.core = None;
        self.epoch += 1;
        self.streams.close_all();
        self.wishes.killed();
        self.wire.killed(self.now);
        self.reconsider();
        let awake = self.now + span;
        self.queue.push(awake, Event::Awake);
    }

    /// What was not committed was never acknowledged: the store decides what is wanted.
    fn reconsider(&mut self) {
        for publication in 0..self.life.names.len() {
            let Some(wish) = self.wishes.wishes.get(&publication) else {
                continue;
            };
            let mut wish = wish.clone();
            match self.store.named(&self.life.names[publication]) {
                None => wish.gone = true,
                Some(record) => {
                    let document = record.document.clone();
                    let marked = document
                        .as_ref()
                        .and_then(|document| crate::document::mark(&document.body));
                    if let (Some(document), Some((_, revision))) = (document, marked) {
                        wish.document = document;
                        wish.revision = revision;
                    }
                    wish.until = record.until;
                    wish.gone = record.removing;
                }
            }
            self.wishes.wants(self.now, publication, wish);
        }
    }

    pub(crate) fn awake(&mut self) -> Result<(), Violation> {
        self.note(|| "the daemon is back".to_owned());
        self.core = Some(self.new_core());
        let records: Vec<_> = self.store.records().cloned().collect();
        for record in &records {
            if let (Some(index), Ok(uri)) = (
                self.wishes.index(&record.name),
                sip_wire::Uri::parse(&record.name.presentity),
            ) {
                let tag = record.etag.as_deref().map(str::to_owned);
                self.wire.restored(index, &uri.key(), tag, record.expires_at);
            }
        }
        for record in records {
            self.turn(Input::Restore(record))?;
        }
        Ok(())
    }

    pub(crate) fn do_step(&mut self, what: What) -> Result<(), Violation> {
        match what {
            What::Publish { .. } | What::Remove { .. } | What::Refresh { .. } => return self.command(what),
            What::Restart(index) => {
                self.note(|| format!("server {index} restarts"));
                let now = self.now;
                self.hosts[index].server.restart(now);
            }
            What::Down(index, span, restarts) => {
                self.note(|| format!("server {index} goes down for {span:?}"));
                self.hosts[index].up = false;
                self.queue.push(self.now + span, Event::Up(index, restarts));
                self.reset(index);
            }
            What::Cut(index, span) => {
                self.note(|| format!("server {index} is cut off for {span:?}"));
                self.hosts[index].cut_until = Some(self.now + span);
                self.reset(index);
            }
            What::Reset(index) => self.reset(index),
            What::Crash(span, half_way) => {
                if self.core.is_some() {
                    if half_way {
                        self.kill = Some(span);
                    } else {
                        self.die(span);
                    }
                }
            }
            What::Configure => {
                self.note(|| "the configuration is read again".to_owned());
                let config = self.config();
                return self.turn(Input::Configure(config));
            }
        }
        Ok(())
    }

    /// Breaks the connection to a server.
    pub(crate) fn reset(&mut self, index: usize) {
        let addr = self.hosts[index].addr;
        if let Some(connection) = self.streams.to(addr) {
            let hop = Hop {
                transport: Transport::Tcp,
                addr,
            };
            let event = Event::Unreachable(self.epoch, hop, Some(connection), Unreachable::Closed);
            self.queue.push(self.now, event);
        }
    }

    /// Gives a command to the core as an application does.
    pub(crate) fn command(&mut self, what: What) -> Result<(), Violation> {
        let Some(core) = &self.core else { return Ok(()) };
        let now = self.now;
        let (publication, wait, timeout) = match &what {
            What::Publish {
                publication,
                wait,
                timeout,
                ..
            }
            | What::Remove {
                publication,
                wait,
                timeout,
            }
            | What::Refresh {
                publication,
                wait,
                timeout,
            } => (*publication, *wait, *timeout),
            _ => return Ok(()),
        };
        let name: PublicationName = self.life.names[publication].clone();
        let view = core.publication(&name);
        let before = self.wishes.wishes.get(&publication).cloned();
        let mut refusal = None;
        let (command, wish) = match what {
            What::Publish {
                document: padding,
                lifetime,
                if_match,
                ..
            } => {
                let held = view
                    .as_ref()
                    .filter(|view| view.expires_at.is_some_and(|at| at > now))
                    .and_then(|view| view.etag.clone());
                let if_match: Option<Arc<str>> = match if_match {
                    Some(true) => held,
                    Some(false) => Some("nonsense".into()),
                    None => None,
                };
                let nonsense = if_match.as_deref() == Some("nonsense");
                let made = padding.map(|padding| {
                    let revision = self.wishes.next_revision();
                    (revision, document(&name.package, publication, revision, padding))
                });
                let until = match lifetime {
                    Lifetime::UntilFurtherNotice => None,
                    Lifetime::Seconds(seconds) => Some(now + Duration::from_secs(seconds.into())),
                    Lifetime::Default => Some(now + Duration::from_secs(self.life.default_expires.into())),
                };
                let wish = match (&made, view.is_some(), &before) {
                    (Some((revision, document)), ..) => Some((*revision, document.clone())),
                    (None, true, Some(before)) => Some((before.revision, before.document.clone())),
                    _ => None,
                };
                if nonsense {
                    refusal = Some(Refusal::WrongEntityTag);
                } else if wish.is_none() {
                    refusal = Some(Refusal::NoDocument);
                }
                let publish = Publish {
                    name,
                    lifetime,
                    document: made.map(|(_, document)| document),
                    if_match,
                    headers: "".into(),
                    proxy: None,
                    on_stop: None,
                    wait,
                    timeout,
                };
                let wish = wish.map(|(revision, document)| Wish {
                    revision,
                    document,
                    until,
                    gone: false,
                });
                (Command::Publish(publish), wish)
            }
            other => {
                if view.is_none() {
                    refusal = Some(Refusal::NotFound);
                }
                let target = Target {
                    name,
                    if_match: None,
                    wait,
                    timeout,
                };
                if matches!(other, What::Remove { .. }) {
                    let wish = before.clone().map(|wish| Wish { gone: true, ..wish });
                    (Command::Remove(target), wish)
                } else {
                    (Command::Refresh(target), before.clone())
                }
            }
        };
        let expected = match (&refusal, wait) {
            (_, Wait::None) => None,
            (Some(refusal), _) => Some(Expected::Refused(refusal.clone())),
            (None, Wait::Accepted) => Some(Expected::Accepted),
            (None, Wait::Final) => Some(Expected::Outcome),
        };
        let revision = match (&command, &wish) {
            (Command::Publish(_), Some(wish)) => Some(wish.revision),
            _ => None,
        };
        let id = self
            .wishes
            .commanded(now, publication, revision, timeout, expected);
        if let (None, Some(wish)) = (refusal, wish) {
            self.wishes.wants(now, publication, wish);
        }
        self.note(|| format!("command {id:?} {command:?}"));
        self.turn(Input::Command(id, command))
    }
}
