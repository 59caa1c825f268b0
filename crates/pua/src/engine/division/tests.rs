//! Who gets what, and what a look sees. What engines do with it is shown by the whole program.

use std::net::SocketAddr;

use pua_core::{
    Document, Lifetime, Proxy, PublicationName, Publish, SubscriptionName, SubscriptionRecord, Transport,
    Wait,
};

use super::batch::Order;
use super::*;
use crate::holdings::Holdings as _;

/// A divided daemon without its sockets.
struct Bed {
    division: Division,
    agent: UserAgent,
    turn: Turn,
    _poll: mio::Poll,
}

fn seed() -> anyhow::Result<[u8; 32]> {
    Ok([7; 32])
}

fn configure(share: Share) -> pua_core::Config {
    pua_core::Config {
        presence_server: Some(Proxy {
            uri: Arc::from("sip:192.0.2.1"),
        }),
        listen: vec![(Transport::Udp, "192.0.2.7:5060".parse().unwrap())],
        share,
        ..pua_core::Config::default()
    }
}

impl Bed {
    fn new(engines: u8) -> Bed {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let common = Common {
            now: Instant::now(),
            udp: &[],
            daemon: &Arc::new(Bell::new(waker)),
        };
        let division = Division::new(engines, &common, configure, seed).unwrap();
        Bed {
            agent: UserAgent::new(common.now, configure(division.share()), [7; 32]),
            division,
            turn: Turn::default(),
            _poll: poll,
        }
    }

    fn publish(&mut self, id: u64, presentity: &str) {
        let command = Command::Publish(publish(presentity));
        if let Some(command) = self.division.command(CommandId(id), command) {
            self.agent
                .handle_input(Instant::now(), Input::Command(CommandId(id), command));
            self.turn.drain(&mut self.agent);
        }
    }

    fn held(&mut self) -> Together<'_> {
        Together::new(&self.agent, &mut self.division, &mut self.turn)
    }
}

fn publish(presentity: &str) -> Publish {
    Publish {
        name: PublicationName {
            presentity: Arc::from(presentity),
            package: Arc::from("presence"),
            id: None,
        },
        lifetime: Lifetime::Seconds(600),
        document: Some(Document {
            content_type: Arc::from("application/pidf+xml"),
            body: "<presence/>".into(),
        }),
        if_match: None,
        headers: Arc::default(),
        proxy: None,
        on_stop: None,
        wait: Wait::None,
        timeout: std::time::Duration::from_secs(1),
    }
}

fn notify(tag: &str) -> String {
    format!(
        "NOTIFY sip:pua@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n\
         To: <sip:door@example.com>;tag={tag}\r\nCSeq: 1 NOTIFY\r\n\r\n"
    )
}

fn flow() -> Flow {
    let at: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    Flow {
        transport: Transport::Udp,
        local: at,
        remote: at,
        connection: 0,
    }
}

/// Two presentities of which the first is the daemon's own engine's and the second the other one's.
fn two() -> [String; 2] {
    let division = Bed::new(2).division;
    [0, 1].map(|engine| {
        let mut users = (0..).map(|user| format!("sip:user{user}@example.com"));
        users.find(|user| division.owner(user) == engine).unwrap()
    })
}

#[test]
fn alone_everything_is_the_daemons_own() {
    let mut bed = Bed::new(1);
    assert!(
        !bed.division
            .pass(&flow(), notify("01aaaaaaaaaaaaaaaa0").as_bytes())
    );
    let command = Command::Publish(publish("sip:a@example.com"));
    assert!(bed.division.command(CommandId(1), command).is_some());
    assert!(bed.division.is_idle());
}

#[test]
fn what_is_no_uri_is_for_the_first_engine_to_refuse() {
    let mut bed = Bed::new(4);
    let command = Command::Publish(publish("no uri"));
    assert!(bed.division.command(CommandId(1), command).is_some());
}

#[test]
fn a_dialog_of_before_tags_told_the_slot_finds_its_engine() {
    let [own, other] = two();
    let mut bed = Bed::new(2);
    let record = |presentity: &str, tag: &str| SubscriptionRecord {
        key: 5,
        name: Arc::new(SubscriptionName {
            presentity: Arc::from(presentity),
            watcher: Arc::from("sip:door@example.com"),
            package: Arc::from("presence"),
            id: None,
        }),
        headers: Arc::default(),
        proxy: None,
        members: Arc::from([]),
        until: None,
        call_id: Arc::from("0".repeat(32)),
        from_tag: Arc::from(tag),
        dialogs: Vec::new(),
        ending: false,
        setback: None,
    };
    let (first, second) = ("0000000000000000010", "0000000000000000020");
    let now = Instant::now();
    let own = Input::RestoreSubscription(record(&own, first));
    assert!(bed.division.restore(now, own).is_some());
    let other = Input::RestoreSubscription(record(&other, second));
    assert!(bed.division.restore(now, other).is_none());
    assert!(!bed.division.pass(&flow(), notify(first).as_bytes()));
    assert!(bed.division.pass(&flow(), notify(second).as_bytes()));
    // Another tag that begins so is the first engine's to know.
    assert!(
        !bed.division
            .pass(&flow(), notify("0000000000000000030").as_bytes())
    );
}

#[test]
fn a_look_sees_what_was_ordered_before_it_and_the_turn_has_what_it_has_brought() {
    let mut bed = Bed::new(3);
    bed.division.start(&mut bed.agent).unwrap();
    for round in 1..=20 {
        bed.publish(round, &format!("sip:user{round}@example.com"));
        let page = bed.held().publications(&pua_core::Filter::default(), None, 100);
        assert_eq!(page.publications.len() as u64, round);
        assert_eq!(page.next, None);
        // Each was stored when it was taken: nothing that is seen is still on its way.
        assert!(bed.turn.gathered() as u64 >= round);
    }
    let sum = bed.held().statistics();
    let held = sum.iter().find(|statistic| statistic.name == "publications");
    assert_eq!(held.unwrap().value, 20);
}

#[test]
fn an_engine_that_ends_by_itself_is_told() {
    let mut bed = Bed::new(3);
    bed.division.start(&mut bed.agent).unwrap();
    assert_eq!(bed.division.fault(), None);
    bed.division.links[1].order(Order::End);
    let fault = loop {
        match bed.division.fault() {
            Some(fault) => break fault,
            None => std::thread::yield_now(),
        }
    };
    assert_eq!(fault, EngineEnded(2));
    // Who looks then is not kept waiting for ever.
    assert_eq!(
        bed.held()
            .publications(&pua_core::Filter::default(), None, 1)
            .publications
            .len(),
        0
    );
}

#[test]
fn messages_that_an_engine_has_no_time_for_are_dropped() {
    let mut bed = Bed::new(2);
    let message = vec![b'x'; 64 * 1024];
    for _ in 0..1024 {
        bed.division.links[0].message(&flow(), &message);
    }
    let waiting = bed.division.links[0].gathered();
    assert!(waiting <= (32 << 20) + message.len(), "{waiting}");
}
