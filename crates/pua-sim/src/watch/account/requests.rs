//! The rules of SUBSCRIBE (RFC 6665 §4.1.2; RFC 3261 §8.1, §12.2.1.1).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_transaction::Hop;
use sip_wire::{DeltaSeconds, HeaderName, Limits, Message, Method, NameAddr, Uri};

use super::{Account, Dialog, End, Flight, LOOP, Set};
use crate::violation::Violation;
use crate::watch::resource::Kind;
use crate::watch::wishes::Wishes;
use crate::watch::world::{CORE, SERVER};

/// Which address a SIP URI with a literal one leads to.
fn address_of(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri).ok()?;
    Some(SocketAddr::new(uri.host.ip()?, uri.port.unwrap_or(5060)))
}

fn route_uri(route: &str) -> Option<&str> {
    Some(NameAddr::parse(route.as_bytes()).ok()?.uri)
}

impl Account {
    /// Judges a request of the core.
    pub(crate) fn sent(
        &mut self,
        now: Instant,
        hop: Hop,
        bytes: &Bytes,
        wishes: &Wishes,
    ) -> Result<(), Violation> {
        let bad = |what: String| Violation::message(format!("{what} in\n{}", String::from_utf8_lossy(bytes)));
        let message = Message::parse_datagram(bytes, &Limits::stream())
            .map_err(|error| bad(format!("sent what does not parse ({error:?})")))?;
        let essentials = message
            .essentials()
            .map_err(|fault| bad(format!("sent what is faulty ({})", fault.reason())))?;
        let Some(line) = message.request() else {
            return Err(bad("no request".to_owned()));
        };
        let branch = essentials.top_via.branch.unwrap_or_default().to_owned();
        if let Some(flight) = self.flights.get_mut(&branch) {
            return if flight.bytes != *bytes || flight.hop != hop {
                Err(bad("a retransmission that differs".to_owned()))
            } else if flight.end(now).is_some() {
                Err(bad("a retransmission after the end".to_owned()))
            } else if now < flight.last_at + Duration::from_millis(250) {
                Err(bad("a retransmission too soon".to_owned()))
            } else {
                flight.last_at = now;
                Ok(())
            };
        }
        let headers = &message.headers;
        let one = |name| headers.all(name).count() == 1;
        let contact = headers
            .get(HeaderName::Contact)
            .and_then(|row| NameAddr::parse(row).ok())
            .and_then(|contact| address_of(contact.uri));
        let event = headers
            .text(HeaderName::Event)
            .map(|text| text.into_owned())
            .unwrap_or_default();
        let supported = headers.text(HeaderName::Supported);
        let rules = [
            (
                line.method == Method::Subscribe,
                "another method than SUBSCRIBE (R6665-10)",
            ),
            (essentials.top_via.has_cookie(), "no magic cookie"),
            (headers.vias().count() == 1, "several Vias"),
            (one(HeaderName::Event), "not one Event (R6665-01)"),
            (one(HeaderName::Expires), "not one Expires (R6665-02)"),
            (one(HeaderName::Contact), "not one Contact (R6665-03)"),
            (contact == Some(CORE), "a Contact that is not ours (R6665-03)"),
            (essentials.from_tag.is_some(), "no From tag"),
            (essentials.max_forwards == Some(70), "Max-Forwards"),
            (headers.named("Allow-Events").is_none(), "Allow-Events (R6665-05)"),
            (!headers.has(HeaderName::Require), "Require (R6665-11)"),
            (
                supported.is_none_or(|supported| supported == "eventlist"),
                "Supported (R6665-11)",
            ),
            (!headers.has(HeaderName::RecordRoute), "Record-Route"),
            (!headers.has(HeaderName::SubscriptionState), "Subscription-State"),
            (message.body.is_empty(), "a body"),
        ];
        if let Some((_, what)) = rules.iter().find(|(holds, _)| !holds) {
            return Err(bad((*what).to_owned()));
        }
        let asked = headers
            .get(HeaderName::Expires)
            .and_then(DeltaSeconds::parse)
            .map(DeltaSeconds::seconds)
            .ok_or_else(|| bad("no Expires".to_owned()))?;
        if let Some(until) = self.quiet_at.get(&hop.addr).filter(|until| **until > now) {
            return Err(bad(format!(
                "sent {:?} before the server's Retry-After is over",
                *until - now
            )));
        }
        let text = |name| {
            headers
                .get(name)
                .and_then(|row| NameAddr::parse(row).ok())
                .map(|party| party.uri.to_owned())
        };
        let (watcher, presentity) = (text(HeaderName::From), text(HeaderName::To));
        let watch = wishes
            .find(
                presentity.as_deref().unwrap_or_default(),
                watcher.as_deref().unwrap_or_default(),
                &event,
            )
            .ok_or_else(|| bad("a subscription that nobody wants".to_owned()))?;
        let routes: Vec<String> = headers
            .list(HeaderName::Route)
            .map(|route| String::from_utf8_lossy(route).into_owned())
            .collect();
        let ask = Ask {
            watch,
            call_id: essentials.call_id.to_owned(),
            from_tag: essentials.from_tag.unwrap_or_default().to_owned(),
            cseq: essentials.cseq.number,
            asked,
            hop,
            branch: branch.clone(),
            uri: line.uri.to_owned(),
            routes,
            suppress: headers
                .named("Suppress-If-Match")
                .map(|row| String::from_utf8_lossy(row).into_owned()),
        };
        let dialog = match essentials.to_tag {
            Some(tag) => {
                self.in_dialog(now, &ask, tag, wishes).map_err(&bad)?;
                Some(tag.to_owned())
            }
            None => {
                self.first(now, &ask, wishes).map_err(&bad)?;
                None
            }
        };
        self.requests += 1;
        self.flights.insert(
            branch,
            Flight {
                call_id: ask.call_id,
                dialog,
                cseq: ask.cseq,
                bytes: bytes.clone(),
                sent_at: now,
                last_at: now,
                hop,
                asked,
                end: None,
            },
        );
        Ok(())
    }

    /// R6665-13, R6665-22, R6665-67, R6665-63, R6665-77.
    fn in_dialog(&mut self, now: Instant, ask: &Ask, tag: &str, wishes: &Wishes) -> Result<(), String> {
        let set = self
            .sets
            .get(&ask.call_id)
            .filter(|set| !set.dead && set.from_tag == ask.from_tag && set.watch == ask.watch)
            .ok_or("a dialog that there never was")?;
        let dialog = set.dialogs.get(tag).ok_or("a dialog that no NOTIFY has made")?;
        if dialog.over {
            return Err("a dialog that is over".to_owned());
        }
        if !self.flight_ended(dialog.flight.as_ref(), now) {
            return Err("a second SUBSCRIBE in flight in one dialog".to_owned());
        }
        let follows = match dialog.leaps {
            true => ask.cseq > dialog.cseq,
            false => ask.cseq == dialog.cseq + 1,
        };
        if !follows {
            return Err(format!("CSeq {} after {}", ask.cseq, dialog.cseq));
        }
        if ask.uri != dialog.target {
            return Err(format!("not the remote target, which is {}", dialog.target));
        }
        if ask.routes != dialog.routes {
            return Err(format!("not the route set, which is {:?}", dialog.routes));
        }
        let first = dialog.routes.first().and_then(|route| route_uri(route));
        if address_of(first.unwrap_or(&dialog.target)) != Some(ask.hop.addr) {
            return Err(format!("sent to {}", ask.hop));
        }
        if ask.suppress.is_some() && (ask.suppress != dialog.etag || ask.asked == 0) {
            return Err(format!("Suppress-If-Match where the tag is {:?}", dialog.etag));
        }
        // Challenges and 423 are answered with the Expires that it began with.
        let began = dialog.flight.as_ref().and_then(|branch| self.flights.get(branch));
        let continues = began.is_some_and(|flight| {
            matches!(
                flight.end(now),
                Some(End::Unreachable | End::Final(401 | 407 | 423 | 503))
            )
        });
        // The last second of a lifetime does not count.
        let wanted = wishes.wants(ask.watch, now + Duration::from_secs(1));
        if ask.asked == 0 && !continues && wanted {
            return Err("an end of what is wanted".to_owned());
        }
        if ask.asked > 0 && !continues && !wishes.wants(ask.watch, now) {
            return Err("a refresh of what is not wanted".to_owned());
        }
        if ask.asked > 0 {
            wishes.expires_fits(now, ask.watch, ask.asked, self.least)?;
        }
        let commanded = self.commanded_at.get(&ask.watch).copied();
        if let Some(until) = dialog.quiet_until.filter(|until| *until > now)
            && dialog
                .asked_at
                .is_none_or(|asked| commanded.is_none_or(|at| at < asked))
            && ask.asked > 0
        {
            return Err(format!("sent {:?} before Retry-After is over", until - now));
        }
        let branch = ask.branch.clone();
        if let Some(dialog) = self
            .sets
            .get_mut(&ask.call_id)
            .and_then(|set| set.dialogs.get_mut(tag))
        {
            dialog.cseq = ask.cseq;
            dialog.leaps = false;
            dialog.flight = Some(branch);
            dialog.asked_at = Some(now);
            dialog.notified = false;
            dialog.ending = ask.asked == 0;
            dialog.quiet_until = None;
            dialog.gap_at = None;
            dialog.told_until = None;
        }
        Ok(())
    }

    /// R6665-07, R6665-39, R6665-58.
    fn first(&mut self, now: Instant, ask: &Ask, wishes: &Wishes) -> Result<(), String> {
        let fetch = ask.asked == 0;
        if ask.suppress.is_some() {
            return Err("Suppress-If-Match outside a dialog".to_owned());
        }
        let name = &wishes.names[ask.watch];
        if *ask.uri != *name.presentity {
            return Err("another Request-URI than the presentity".to_owned());
        }
        if ask.routes != [format!("<{SERVER}>")] {
            return Err("not the route of the presence server".to_owned());
        }
        if !fetch {
            wishes.expires_fits(now, ask.watch, ask.asked, self.least)?;
        }
        if let Some(set) = self.sets.get(&ask.call_id) {
            // The same once more.
            let before = self.flights.get(&set.branch).ok_or("no request before")?;
            let due = match before.end(now) {
                Some(End::Final(401 | 407 | 423 | 300..=399)) => before.cseq + 1,
                Some(End::Final(503) | End::Unreachable) if before.hop.addr != ask.hop.addr => before.cseq,
                end => return Err(format!("a Call-ID once more after {end:?}")),
            };
            if ask.cseq != due || ask.from_tag != set.from_tag || set.dead || set.fetch != fetch {
                return Err(format!("CSeq {} instead of {due}, or another From tag", ask.cseq));
            }
        } else {
            if !self.from_tags.insert(ask.from_tag.clone()) {
                return Err("a From tag once more".to_owned());
            }
            if fetch {
                if wishes.fetching(ask.watch) == 0 {
                    return Err("a fetch that nobody asked for".to_owned());
                }
            } else {
                self.new_set(now, ask, wishes)?;
            }
        }
        let set = Set {
            watch: ask.watch,
            fetch,
            gathers: fetch && Kind::of(&name.presentity, &name.package).is_several(),
            several: !fetch && Kind::of(&name.presentity, &name.package).is_several(),
            from_tag: ask.from_tag.clone(),
            cseq: ask.cseq,
            sent_at: now,
            branch: ask.branch.clone(),
            closed: false,
            dead: false,
            granted_until: now + Duration::from_secs(u64::from(ask.asked)),
            dialogs: std::collections::BTreeMap::new(),
        };
        let dialogs = self.sets.remove(&ask.call_id).map(|set| set.dialogs);
        self.sets.insert(
            ask.call_id.clone(),
            Set {
                dialogs: dialogs.unwrap_or_default(),
                ..set
            },
        );
        if !fetch {
            self.latest.insert(ask.watch, ask.call_id.clone());
        }
        Ok(())
    }

    fn new_set(&mut self, now: Instant, ask: &Ask, wishes: &Wishes) -> Result<(), String> {
        if !wishes.wants(ask.watch, now) {
            return Err("a subscription that is not wanted".to_owned());
        }
        if let Some(why) = self.stopped.get(&ask.watch) {
            return Err(format!("subscribed once more after it was ended for good: {why}"));
        }
        if let Some(until) = self.quiet.get(&ask.watch).filter(|until| **until > now) {
            return Err(format!(
                "sent {:?} before the notifier's retry-after is over",
                *until - now
            ));
        }
        if let Some(call_id) = self.latest.get(&ask.watch)
            && let Some(set) = self.sets.get(call_id).filter(|set| !set.dead)
        {
            let under_way = self
                .flights
                .get(&set.branch)
                .is_some_and(|flight| flight.end(now).is_none());
            if under_way && set.dialogs.is_empty() {
                return Err("a second first SUBSCRIBE in flight".to_owned());
            }
            let stands: Vec<&Dialog> = set
                .dialogs
                .values()
                .filter(|dialog| self.stands(now, set, dialog))
                .collect();
            if !stands.is_empty() {
                return Err("a second set of dialogs while the first stands".to_owned());
            }
        }
        let commanded = self.commanded_at.get(&ask.watch).is_some_and(|at| *at == now);
        if !commanded {
            let firsts = self.firsts.entry(ask.watch).or_default();
            firsts.retain(|at| *at + Duration::from_secs(60) > now);
            firsts.push(now);
            if firsts.len() > LOOP {
                return Err("subscribed again and again".to_owned());
            }
        }
        Ok(())
    }
}

/// What a SUBSCRIBE asks.
struct Ask {
    watch: usize,
    call_id: String,
    from_tag: String,
    cseq: u32,
    asked: u32,
    hop: Hop,
    branch: String,
    uri: String,
    routes: Vec<String>,
    suppress: Option<String>,
}
