//! What applications and fate do to the world.

use std::sync::Arc;
use std::time::Duration;

use pua_core::{
    Command, Input, Lifetime, PublicationName, Publish, Refusal, Subscribe, SubscriptionRecord,
    SubscriptionTarget, Target, Wait,
};

use super::life::What;
use super::site::Site;
use super::wishes::{Expected, Wish};
use super::world::{Event, World};
use crate::document::document;
use crate::violation::Violation;

impl World {
    /// `whole`: between two turns, so that all that was done is in the store.
    pub(crate) fn die(&mut self, span: Duration, whole: bool) -> Result<(), Violation> {
        self.note(|| format!("the daemon is killed for {span:?}"));
        for watch in (0..self.life.names.len()).filter(|watch| whole && self.wishes.wants(*watch, self.now)) {
            if let Some(record) = self.record(watch) {
                self.account.stored(self.now, watch, record)?;
            }
        }
        self.core = None;
        self.epoch += 1;
        self.wishes.killed();
        self.account.killed(self.now);
        // What was not committed was never acknowledged: the store decides what is wanted.
        for watch in 0..self.life.names.len() {
            let record = self.record(watch);
            let wish = Wish {
                until: record.and_then(|record| record.until),
                gone: record.is_none_or(|record| record.ending),
            };
            self.wishes.wish(self.now, watch, wish);
        }
        self.queue.push(self.now + span, Event::Awake);
        Ok(())
    }

    fn record(&self, watch: usize) -> Option<&SubscriptionRecord> {
        self.store
            .subscriptions()
            .find(|record| *record.name == self.life.names[watch])
    }

    pub(crate) fn awake(&mut self) -> Result<(), Violation> {
        self.note(|| "the daemon is back".to_owned());
        self.core = Some(self.new_core());
        let publications: Vec<_> = self.store.records().cloned().collect();
        let subscriptions: Vec<_> = self.store.subscriptions().cloned().collect();
        for record in publications {
            self.turn(Input::Restore(record))?;
        }
        for record in subscriptions {
            if let Some(watch) = self.wishes.index(&record.name) {
                self.account.restored(self.now, watch, &record);
            }
            self.turn(Input::RestoreSubscription(record))?;
        }
        Ok(())
    }

    pub(crate) fn do_step(&mut self, what: What) -> Result<(), Violation> {
        let now = self.now;
        match what {
            What::Subscribe { .. } | What::Unsubscribe { .. } | What::Fetch { .. } => {
                return self.command(what);
            }
            What::Publish(watch, stands) => return self.publish(watch, stands),
            What::Change(watch) => {
                let name = self.life.names[watch].clone();
                if let Site::Scripted(notifier) = &mut self.site {
                    notifier.change(now, &name.presentity, &name.package);
                }
            }
            What::End(watch, state) => {
                let name = self.life.names[watch].clone();
                if let Site::Scripted(notifier) = &mut self.site {
                    notifier.end(now, &name.presentity, &name.package, &state);
                }
            }
            What::Restart => {
                self.note(|| "the notifier restarts".to_owned());
                self.site.restart(now);
            }
            What::Down(span) => {
                self.note(|| format!("the notifier goes down for {span:?}"));
                self.up = false;
                self.queue.push(now + span, Event::Up);
            }
            What::Cut(span) => {
                self.note(|| format!("the way is cut for {span:?}"));
                self.cut_until = Some(now + span);
            }
            What::Crash(span, half_way) => {
                if self.core.is_some() {
                    if half_way {
                        self.kill = Some(span);
                    } else {
                        return self.die(span, true);
                    }
                }
            }
            What::Configure => {
                self.note(|| "the configuration is read again".to_owned());
                self.account.configured();
                let config = self.config();
                return self.turn(Input::Configure(config));
            }
            What::Attack(watch, which) => return self.attack(watch, which),
        }
        Ok(())
    }

    fn publish(&mut self, watch: usize, stands: bool) -> Result<(), Violation> {
        if self.core.is_none() {
            return Ok(());
        }
        let name = self.life.names[watch].clone();
        let publication = PublicationName {
            presentity: name.presentity,
            package: name.package.clone(),
            id: None,
        };
        let (wait, timeout) = (Wait::Final, Duration::from_secs(60));
        let expected = Some(Expected::Published);
        let id = self.wishes.commanded(self.now, watch, false, timeout, expected);
        let command = if stands {
            self.revision += 1;
            Command::Publish(Publish {
                name: publication,
                lifetime: Lifetime::UntilFurtherNotice,
                document: Some(document(&name.package, watch, self.revision, 0)),
                if_match: None,
                headers: "".into(),
                proxy: None,
                on_stop: None,
                wait,
                timeout,
            })
        } else {
            Command::Remove(Target {
                name: publication,
                if_match: None,
                wait,
                timeout,
            })
        };
        self.note(|| format!("command {id:?} {command:?}"));
        self.turn(Input::Command(id, command))
    }

    /// Gives a command to the core as an application does.
    pub(crate) fn command(&mut self, what: What) -> Result<(), Violation> {
        let Some(core) = &self.core else { return Ok(()) };
        let now = self.now;
        let subscribe = |watch: usize, lifetime: Lifetime, wait: Wait, timeout: Duration| Subscribe {
            name: self.life.names[watch].clone(),
            lifetime,
            headers: "".into(),
            proxy: None,
            members: Arc::from([]),
            wait,
            timeout,
        };
        let mut refusal = None;
        let mut wish = None;
        let (watch, wait, timeout, fetch, command) = match what {
            What::Subscribe {
                watch,
                lifetime,
                wait,
                timeout,
            } => {
                wish = Some(Wish {
                    until: match lifetime {
                        Lifetime::Seconds(seconds) => Some(now + Duration::from_secs(seconds.into())),
                        _ => None,
                    },
                    gone: false,
                });
                let command = Command::Subscribe(subscribe(watch, lifetime, wait, timeout));
                (watch, wait, timeout, false, command)
            }
            What::Fetch { watch, timeout } => {
                let command = Command::Fetch(subscribe(watch, Lifetime::Default, Wait::Final, timeout));
                (watch, Wait::Final, timeout, true, command)
            }
            What::Unsubscribe { watch, wait, timeout } => {
                let name = self.life.names[watch].clone();
                if core.subscription(&name).is_none() {
                    refusal = Some(Refusal::NotFound);
                } else {
                    wish = Some(Wish {
                        until: None,
                        gone: true,
                    });
                }
                let command = Command::Unsubscribe(SubscriptionTarget { name, wait, timeout });
                (watch, wait, timeout, false, command)
            }
            _ => return Ok(()),
        };
        let expected = match (refusal, wait) {
            (_, Wait::None) => None,
            (Some(refusal), _) => Some(Expected::Refused(refusal)),
            (None, Wait::Accepted) => Some(Expected::Accepted),
            (None, Wait::Final) => Some(Expected::Outcome),
        };
        let id = self.wishes.commanded(now, watch, fetch, timeout, expected);
        if let Some(wish) = wish {
            if wish.gone {
                self.account.unwanted(watch);
            } else {
                self.account.commanded(now, watch);
            }
            self.wishes.wish(now, watch, wish);
        }
        self.note(|| format!("command {id:?} {command:?}"));
        self.turn(Input::Command(id, command))
    }
}
