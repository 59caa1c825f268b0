//! Bugs of watching, planted on purpose, to measure the oracles: what goes between the core and
//! the world is changed, the core itself is not.

use std::collections::BTreeMap;

use bytes::Bytes;
use pua_core::{Change, Event, Output};

use crate::seam::Parts;

/// A bug as an implementation could have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchBug {
    /// Route is the route set of the NOTIFY the wrong way round, as a UAC takes it from a 2xx.
    RoutesReversed,
    /// The preloaded route is used within dialogs too.
    RoutePreloaded,
    /// Requests in a dialog go on to the first Contact.
    TargetKept,
    /// A new set of dialogs has the Call-ID and the tag of the one before.
    CallIdReused,
    /// CSeq does not go up within a dialog.
    CSeqKept,
    /// Every tenth NOTIFY is not answered.
    NotifyUnanswered,
    /// NOTIFYs that belong to nothing are answered 200.
    StrangersTaken,
    /// NOTIFYs out of order are answered 200.
    LateTaken,
    /// NOTIFYs before the final response are answered 481.
    EarlyRefused,
    /// Every tenth state is not told.
    StatesLost,
    /// Every tenth state is told after the one that follows it.
    StatesSwapped,
    /// Unsubscribing only asks for a short life.
    EndByExpiry,
    /// `rejected`, `noresource` and `invariant` are taken for `deactivated`.
    ReasonsAlike,
    /// Retry-After and retry-after are not read.
    RetryAfterIgnored,
    /// The duration is taken to be the one that was asked for.
    AskedNotGranted,
    /// What is wanted is not written to the store.
    SubscriptionsNotStored,
    /// That it is wanted no more is not written to the store.
    EndsNotStored,
    /// A fetch asks for an hour.
    FetchStays,
    /// Every tenth reply is lost.
    RepliesLost,
    /// The versions of partial documents are not looked at.
    VersionsIgnored,
    /// The tag of the NOTIFY before the last is given in conditional refreshes.
    OldCondition,
    /// Dialogs are not written to the store.
    DialogsNotStored,
    /// That the last dialog has ended is not written to the store.
    DialogEndsNotStored,
    /// Route sets are not written to the store.
    RoutesNotStored,
    /// The notifier's CSeq numbers are not written to the store.
    NotifierCSeqNotStored,
    /// After a restart the first CSeq number in a dialog is the last one before it.
    CSeqReused,
}

impl WatchBug {
    /// All of them.
    pub const ALL: [WatchBug; 26] = [
        WatchBug::RoutesReversed,
        WatchBug::RoutePreloaded,
        WatchBug::TargetKept,
        WatchBug::CallIdReused,
        WatchBug::CSeqKept,
        WatchBug::NotifyUnanswered,
        WatchBug::StrangersTaken,
        WatchBug::LateTaken,
        WatchBug::EarlyRefused,
        WatchBug::StatesLost,
        WatchBug::StatesSwapped,
        WatchBug::EndByExpiry,
        WatchBug::ReasonsAlike,
        WatchBug::RetryAfterIgnored,
        WatchBug::AskedNotGranted,
        WatchBug::SubscriptionsNotStored,
        WatchBug::EndsNotStored,
        WatchBug::FetchStays,
        WatchBug::RepliesLost,
        WatchBug::VersionsIgnored,
        WatchBug::OldCondition,
        WatchBug::DialogsNotStored,
        WatchBug::DialogEndsNotStored,
        WatchBug::RoutesNotStored,
        WatchBug::NotifierCSeqNotStored,
        WatchBug::CSeqReused,
    ];
}

/// The seam, with a bug in it or none.
pub(crate) struct Seam {
    bug: Option<WatchBug>,
    count: u64,
    /// By Call-ID and dialog, or by party: what was there before.
    before: BTreeMap<String, String>,
    /// By branch: the bytes as they left.
    left: BTreeMap<String, Bytes>,
    held: Option<Event>,
    /// By Call-ID: final responses seen, versions counted, tags.
    answered: BTreeMap<String, u64>,
    versions: BTreeMap<String, (String, u64)>,
    tags: BTreeMap<String, (String, String)>,
    /// By Call-ID and dialog: the last CSeq number.
    numbers: BTreeMap<String, u32>,
}

impl Seam {
    pub(crate) fn new(bug: Option<WatchBug>) -> Seam {
        Seam {
            bug,
            count: 0,
            before: BTreeMap::new(),
            left: BTreeMap::new(),
            held: None,
            answered: BTreeMap::new(),
            versions: BTreeMap::new(),
            tags: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// What the core makes of what reaches it. Oracles see what was really sent, except where the
    /// bug is in the reading.
    pub(crate) fn arriving(&mut self, bytes: Bytes) -> Bytes {
        let Some(bug) = self.bug else { return bytes };
        let Some(parts) = Parts::of(&bytes) else {
            return bytes;
        };
        if parts.start.starts_with("SIP/2.0 2")
            && let Some(call_id) = parts.get("Call-ID")
        {
            *self.answered.entry(call_id.to_owned()).or_default() += 1;
        }
        if bug == WatchBug::OldCondition
            && let (Some(dialog), Some(tag)) =
                (parts.get("From").zip(parts.get("Call-ID")), parts.get("SIP-ETag"))
        {
            let tags = self.tags.entry(format!("{}{}", dialog.0, dialog.1)).or_default();
            if tags.1 != tag {
                tags.0 = std::mem::replace(&mut tags.1, tag.to_owned());
            }
        }
        bytes
    }

    /// The same, after the oracles have seen it.
    pub(crate) fn misread(&mut self, bytes: Bytes) -> Bytes {
        let Some(bug) = self.bug else { return bytes };
        let Some(mut parts) = Parts::of(&bytes) else {
            return bytes;
        };
        let state = parts.get("Subscription-State").unwrap_or_default().to_owned();
        match bug {
            WatchBug::ReasonsAlike => {
                let state = ["rejected", "noresource", "invariant"]
                    .iter()
                    .fold(state, |state, reason| state.replace(reason, "deactivated"));
                if !state.is_empty() {
                    parts.set("Subscription-State", &state);
                }
            }
            WatchBug::RetryAfterIgnored => {
                parts.drop("Retry-After");
                if let Some((before, _)) = state.split_once(";retry-after") {
                    parts.set("Subscription-State", before);
                }
            }
            WatchBug::AskedNotGranted => {
                if parts.start.starts_with("SIP/2.0 2") && parts.get("Expires").is_some() {
                    parts.set("Expires", "3600");
                }
                if let Some((before, _)) = state.split_once(";expires") {
                    parts.set("Subscription-State", before);
                }
            }
            WatchBug::VersionsIgnored if parts.start.starts_with("NOTIFY") => {
                let key = format!("{:?}{:?}", parts.get("From"), parts.get("Call-ID"));
                let text = String::from_utf8_lossy(&parts.body).into_owned();
                let root = text.find("<dialog-info ").or_else(|| text.find("<list "));
                if let Some((before, rest)) = root.map(|at| text.split_at(at))
                    && let Some((name, rest)) = rest.split_once(" version=\"")
                    && let Some((_, after)) = rest.split_once('"')
                {
                    let cseq = parts.get("CSeq").unwrap_or_default().to_owned();
                    let (last, version) = self.versions.entry(key).or_default();
                    if *last != cseq {
                        (*last, *version) = (cseq, *version + 1);
                    }
                    parts.body = format!("{before}{name} version=\"{version}\"{after}").into_bytes();
                    parts.set("Content-Length", &parts.body.len().to_string());
                } else {
                    return bytes;
                }
            }
            _ => return bytes,
        }
        parts.bytes()
    }

    /// What the world sees of what the core does.
    pub(crate) fn leaving(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        let Some(bug) = self.bug else { return outputs };
        let mut left = Vec::with_capacity(outputs.len());
        for output in outputs {
            match output {
                Output::Persist(Change::PutSubscription(_)) if bug == WatchBug::SubscriptionsNotStored => {}
                Output::Persist(Change::DeleteSubscription { .. }) if bug == WatchBug::EndsNotStored => {}
                Output::Persist(change) => left.extend(written(bug, change).map(Output::Persist)),
                Output::Reply(id, reply) => {
                    self.count += 1;
                    if !(bug == WatchBug::RepliesLost && self.count.is_multiple_of(10)) {
                        left.push(Output::Reply(id, reply));
                    }
                }
                Output::Event(event @ Event::State { .. }) => {
                    self.count += 1;
                    let tenth = self.count.is_multiple_of(10);
                    match bug {
                        WatchBug::StatesLost if tenth => {}
                        WatchBug::StatesSwapped if tenth => self.held = Some(event),
                        _ => {
                            left.push(Output::Event(event));
                            left.extend(self.held.take().map(Output::Event));
                        }
                    }
                }
                Output::Transmit(mut transmit) => {
                    if let Some(bytes) = self.transmit(bug, &transmit.bytes) {
                        transmit.bytes = bytes;
                        left.push(Output::Transmit(transmit));
                    }
                }
                other => left.push(other),
            }
        }
        left
    }

    fn transmit(&mut self, bug: WatchBug, bytes: &Bytes) -> Option<Bytes> {
        let mut parts = Parts::of(bytes)?;
        if parts.start.starts_with("SIP/2.0") {
            self.count += 1;
            let lost = bug == WatchBug::NotifyUnanswered && self.count.is_multiple_of(10);
            let early = bug == WatchBug::EarlyRefused
                && parts
                    .get("Call-ID")
                    .is_some_and(|call_id| !self.answered.contains_key(call_id));
            match parts.start.as_str() {
                _ if lost => return None,
                "SIP/2.0 200 OK" if early => parts.start = "SIP/2.0 481 No".to_owned(),
                start if start.starts_with("SIP/2.0 481") && bug == WatchBug::StrangersTaken => {
                    parts.start = "SIP/2.0 200 OK".to_owned();
                }
                start if start.starts_with("SIP/2.0 500") && bug == WatchBug::LateTaken => {
                    parts.start = "SIP/2.0 200 OK".to_owned();
                }
                _ => return Some(bytes.clone()),
            }
            return Some(parts.bytes());
        }
        if !parts.start.starts_with("SUBSCRIBE") {
            return Some(bytes.clone());
        }
        let branch = parts.branch();
        if let Some(bytes) = self.left.get(&branch) {
            return Some(bytes.clone());
        }
        let within = parts.get("To").is_some_and(|to| to.contains(";tag="));
        let row = |name: &str| parts.get(name).unwrap_or_default().to_owned();
        let (call_id, from, to) = (row("Call-ID"), row("From"), row("To"));
        let party = format!(
            "{}{to}{}",
            from.split(";tag").next().unwrap_or_default(),
            row("Event")
        );
        match bug {
            WatchBug::RoutesReversed if within => {
                let routes: Vec<String> = parts
                    .rows
                    .iter()
                    .filter(|(name, _)| name == "Route")
                    .map(|(_, value)| value.clone())
                    .collect();
                let mut routes = routes.into_iter().rev();
                for (name, value) in &mut parts.rows {
                    if name == "Route" {
                        *value = routes.next().unwrap_or_default();
                    }
                }
            }
            WatchBug::RoutePreloaded if within && parts.get("Route").is_none() => {
                parts.set("Route", "<sip:presence.example.net;lr>");
            }
            WatchBug::TargetKept if within => {
                let first = self
                    .before
                    .entry(format!("{call_id}{to}"))
                    .or_insert_with(|| parts.start.clone());
                parts.start.clone_from(first);
            }
            WatchBug::CallIdReused if !within && row("Expires") != "0" => {
                let both = format!("{call_id}\n{from}");
                let first = self.before.entry(party).or_insert(both).clone();
                let (call_id, from) = first.split_once('\n').unwrap_or_default();
                parts.set("Call-ID", call_id);
                parts.set("From", from);
            }
            WatchBug::CSeqKept if within => {
                let first = self
                    .before
                    .entry(format!("{call_id}{to}"))
                    .or_insert_with(|| row("CSeq"))
                    .clone();
                parts.set("CSeq", &first);
            }
            WatchBug::CSeqReused if within => {
                let number = row("CSeq").split(' ').next().and_then(|text| text.parse().ok());
                let number: u32 = number.unwrap_or_default();
                let last = self.numbers.entry(format!("{call_id}{to}")).or_insert(number);
                if number > *last + 900 {
                    parts.set("CSeq", &format!("{last} SUBSCRIBE"));
                }
                *last = number;
            }
            WatchBug::EndByExpiry if within && row("Expires") == "0" => parts.set("Expires", "60"),
            WatchBug::FetchStays if !within && row("Expires") == "0" => parts.set("Expires", "3600"),
            WatchBug::OldCondition if parts.get("Suppress-If-Match").is_some() => {
                let tags = self
                    .tags
                    .get(&format!("{to}{call_id}"))
                    .cloned()
                    .unwrap_or_default();
                if !tags.0.is_empty() {
                    parts.set("Suppress-If-Match", &tags.0);
                }
            }
            _ => return Some(bytes.clone()),
        }
        let bytes = parts.bytes();
        self.left.insert(branch, bytes.clone());
        Some(bytes)
    }
}

/// What of a change reaches the store.
fn written(bug: WatchBug, change: Change) -> Option<Change> {
    match change {
        Change::Dialogs { .. } if bug == WatchBug::DialogsNotStored => None,
        Change::Dialogs { ref dialogs, .. } if bug == WatchBug::DialogEndsNotStored && dialogs.is_empty() => {
            None
        }
        Change::Dialogs {
            key,
            call_id,
            from_tag,
            mut dialogs,
            setback,
        } => {
            for dialog in &mut dialogs {
                match bug {
                    WatchBug::RoutesNotStored => dialog.routes = Box::default(),
                    WatchBug::NotifierCSeqNotStored => dialog.remote_cseq = 0,
                    _ => {}
                }
            }
            Some(Change::Dialogs {
                key,
                call_id,
                from_tag,
                dialogs,
                setback,
            })
        }
        other => Some(other),
    }
}
