//! The test as a notifier: SUBSCRIBEs asked for, NOTIFYs sent, what the application is told.
#![allow(dead_code, missing_docs, unreachable_pub)] // each test file uses its part of it

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pua_core::*;

use super::{Bed, Sent};

pub const OPEN: &str = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@example.com'><tuple id='t'><status><basic>open</basic></status></tuple></presence>";
pub const CLOSED: &str = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@example.com'><tuple id='t'><status><basic>closed</basic></status></tuple></presence>";

pub fn subscription(package: &str) -> SubscriptionName {
    SubscriptionName {
        presentity: "sip:a@example.com".into(),
        watcher: "sip:w@example.com".into(),
        package: package.into(),
        id: None,
    }
}

pub fn subscribe(package: &str, lifetime: Lifetime) -> Subscribe {
    Subscribe {
        name: subscription(package),
        lifetime,
        headers: "".into(),
        proxy: None,
        members: Arc::from([]),
        wait: Wait::Final,
        timeout: Duration::from_secs(60),
    }
}

/// A NOTIFY as the test sends it; every part can be changed.
#[derive(Clone, Debug)]
pub struct Notify {
    /// The SUBSCRIBE it answers: Call-ID and our tag are taken from it.
    pub to: Sent,
    pub tag: String,
    pub cseq: u32,
    pub branch: String,
    pub event: String,
    pub state: Option<String>,
    pub contact: Option<String>,
    /// Complete rows.
    pub headers: String,
    pub body: Option<(String, String)>,
}

impl Notify {
    pub fn new(to: &Sent, tag: &str, cseq: u32, state: &str) -> Self {
        Notify {
            to: to.clone(),
            tag: tag.to_owned(),
            cseq,
            branch: format!("z9hG4bK{tag}{cseq}"),
            event: to.header("Event").unwrap().to_owned(),
            state: Some(state.to_owned()),
            contact: Some("<sip:n@192.0.2.1:5080>".to_owned()),
            headers: String::new(),
            body: None,
        }
    }

    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        self.body = Some((content_type.to_owned(), body.to_owned()));
        self
    }

    pub fn pidf(self, body: &str) -> Self {
        self.body("application/pidf+xml", body)
    }

    pub fn with(mut self, rows: &str) -> Self {
        self.headers.push_str(rows);
        self
    }

    pub fn contact(mut self, contact: &str) -> Self {
        self.contact = Some(contact.to_owned());
        self
    }

    pub fn event(mut self, event: &str) -> Self {
        self.event = event.to_owned();
        self
    }

    pub fn text(&self) -> String {
        let contact = self.to.header("Contact").unwrap();
        let uri = contact.trim_start_matches('<').split('>').next().unwrap();
        let from = self.to.header("From").unwrap();
        let mut text = format!(
            "NOTIFY {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5080;branch={}\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag={}\r\nTo: {from}\r\nCall-ID: {}\r\nCSeq: {} NOTIFY\r\n",
            self.branch,
            self.tag,
            self.to.header("Call-ID").unwrap(),
            self.cseq,
        );
        if !self.event.is_empty() {
            text.push_str(&format!("Event: {}\r\n", self.event));
        }
        if let Some(state) = &self.state {
            text.push_str(&format!("Subscription-State: {state}\r\n"));
        }
        if let Some(contact) = &self.contact {
            text.push_str(&format!("Contact: {contact}\r\n"));
        }
        text.push_str(&self.headers);
        match &self.body {
            Some((content_type, body)) => {
                if !content_type.is_empty() {
                    text.push_str(&format!("Content-Type: {content_type}\r\n"));
                }
                text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
            }
            None => text.push_str("Content-Length: 0\r\n\r\n"),
        }
        text
    }
}

impl Bed {
    /// Subscribes; returns the command's number and the SUBSCRIBE.
    pub fn subscribe(&mut self, package: &str, lifetime: Lifetime) -> (u64, Sent) {
        let id = self.command(Command::Subscribe(subscribe(package, lifetime)));
        let sent = self.take();
        (id, sent)
    }

    pub fn unsubscribe(&mut self, package: &str) -> u64 {
        self.command(Command::Unsubscribe(SubscriptionTarget {
            name: subscription(package),
            wait: Wait::Final,
            timeout: Duration::from_secs(60),
        }))
    }

    pub fn fetch(&mut self, package: &str) -> u64 {
        self.command(Command::Fetch(subscribe(package, Lifetime::Default)))
    }

    /// Sends a NOTIFY; the status code it is answered with.
    pub fn notify(&mut self, notify: &Notify) -> u16 {
        let before = self.responses.len();
        self.receive_from(notify.to.hop, &notify.text());
        assert_eq!(
            self.responses.len(),
            before + 1,
            "a NOTIFY is answered once, at once"
        );
        self.answer_code()
    }

    /// A header of the last response we sent.
    pub fn answered(&self, name: &str) -> Option<&str> {
        self.responses.last().unwrap().header(name)
    }

    /// How often a command has been answered.
    pub fn answers(&self, id: u64) -> usize {
        self.replies.iter().filter(|(of, _)| *of == id).count()
    }

    /// Has the subscription of a package end by the notifier's word, and takes the answer 200.
    pub fn end(&mut self, sent: &Sent, tag: &str, cseq: u32, reason: &str) {
        let end = Notify::new(sent, tag, cseq, &format!("terminated;reason={reason}"));
        assert_eq!(self.notify(&end), 200);
    }

    /// Nothing is left: no subscription, no command, no request under way.
    pub fn nothing_left(&self) {
        assert_eq!(self.statistic("subscriptions"), 0);
        assert_eq!(self.statistic("dialogs"), 0);
        assert!(self.agent.is_idle());
    }

    /// The status code of the last response we sent.
    pub fn answer_code(&self) -> u16 {
        let response = self.responses.last().unwrap();
        response.start().split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Subscribes and has it established by 200 and a NOTIFY with tag `n`, CSeq 1; returns the
    /// SUBSCRIBE. Granted 600 s.
    pub fn subscribed(&mut self, package: &str, lifetime: Lifetime) -> Sent {
        let (_, sent) = self.subscribe(package, lifetime);
        self.respond(&sent, 200, "Expires: 600\r\n");
        let notify = Notify::new(&sent, "n", 1, "active;expires=600");
        assert_eq!(self.notify(&notify), 200);
        sent
    }

    pub fn subscription(&self, package: &str) -> SubscriptionView {
        self.agent
            .subscription(&subscription(package))
            .unwrap_or_else(|| panic!("{package}: not held"))
    }

    pub fn subscribed_to(&self, package: &str) -> bool {
        self.agent.subscription(&subscription(package)).is_some()
    }

    pub fn subscription_outcome(&self, id: u64) -> &SubscriptionOutcome {
        match self.reply(id) {
            Some(Reply::Subscription(outcome)) => outcome,
            other => panic!("command {id}: {other:?}"),
        }
    }

    /// What a store would have of the subscriptions.
    pub fn records(&self) -> Vec<SubscriptionRecord> {
        let mut records: BTreeMap<u64, SubscriptionRecord> = BTreeMap::new();
        for change in &self.changes {
            match change {
                Change::PutSubscription(record) => {
                    records.insert(record.key, (**record).clone());
                }
                Change::Dialogs {
                    key,
                    call_id,
                    from_tag,
                    dialogs,
                    setback,
                } => {
                    if let Some(record) = records.get_mut(key) {
                        record.call_id = call_id.clone();
                        record.from_tag = from_tag.clone();
                        record.dialogs = dialogs.clone();
                        record.setback = setback.clone();
                    }
                }
                Change::DeleteSubscription { key } => {
                    records.remove(key);
                }
                _ => {}
            }
        }
        records.into_values().collect()
    }

    /// Another life of the daemon, `ms` later, with what the store has; the last record comes
    /// first.
    pub fn restart(&mut self, ms: u64, config: Config) {
        let records = self.records();
        self.now += ms;
        self.lives += 1;
        self.agent = UserAgent::new(self.at(self.now), config, [self.lives; 32]);
        self.take_all();
        self.events.clear();
        self.replies.clear();
        for record in records.into_iter().rev() {
            self.input(Input::RestoreSubscription(record));
        }
    }

    /// The states told to the application, as content and whether they are new.
    pub fn told(&self) -> Vec<(String, bool)> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::State { state, changed, .. } => {
                    Some((String::from_utf8_lossy(&state.body).into_owned(), *changed))
                }
                _ => None,
            })
            .collect()
    }

    /// The changes of subscriptions told to the application, in short.
    pub fn subscription_events(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Subscription { change, .. } => Some(match change {
                    SubscriptionChange::Pending { .. } => "pending".to_owned(),
                    SubscriptionChange::Active { .. } => "active".to_owned(),
                    SubscriptionChange::Terminated { reason, next, .. } => format!(
                        "terminated {} {}",
                        reason.as_deref().unwrap_or("-"),
                        match next {
                            Next::Held => "held",
                            Next::Ended => "ended",
                            Next::Refused => "refused",
                            Next::Retry { .. } => "retry",
                        }
                    ),
                    SubscriptionChange::Retrying { code, .. } => format!("retrying {code}"),
                    SubscriptionChange::Refused { code, .. } => format!("refused {code}"),
                }),
                _ => None,
            })
            .collect()
    }
}
