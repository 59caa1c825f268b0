//! The ways between us and notifiers (R5626-10, SEC, list H 11, 14, 16): TCP, fail-over, digest
//! within dialogs, one paced queue for both roles, strangers.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{Notify, OPEN, subscribe};
use bed::{Bed, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

fn by_tcp() -> Bed {
    let mut config = config();
    config.presence_server = Some(Proxy {
        uri: "sip:192.0.2.1:5080;transport=tcp".into(),
    });
    Bed::with(config)
}

/// R5626-10: NOTIFYs come on the connection that the SUBSCRIBE opened, and are answered on it.
#[test]
fn r5626_10_notify_on_our_connection() {
    let mut bed = by_tcp();
    let (id, sent) = bed.subscribe("presence", EVER);
    assert_eq!(sent.hop.transport, Transport::Tcp);
    assert!(sent.header("Via").unwrap().starts_with("SIP/2.0/TCP"));
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let text = Notify::new(&sent, "n", 1, "active;expires=600")
        .contact("<sip:n@192.0.2.1:5080;transport=tcp>")
        .pidf(OPEN)
        .text()
        .replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let flow = Flow {
        transport: Transport::Tcp,
        local: "192.0.2.9:49152".parse().unwrap(),
        remote: sent.hop.addr,
        connection: 77,
    };
    let now = bed.at(bed.now);
    bed.agent.handle_input(
        now,
        Input::Received {
            flow: &flow,
            bytes: text.as_bytes(),
        },
    );
    let mut answered = None;
    let mut told = 0;
    while let Some(output) = bed.agent.poll_output() {
        match output {
            Output::Transmit(transmit) => answered = Some(transmit),
            Output::Event(Event::State { .. }) => told += 1,
            Output::Reply(of, _) => assert_eq!(of.0, id),
            _ => {}
        }
    }
    let answered = answered.unwrap();
    assert_eq!((answered.connection, told), (Some(77), 1));
    let text = String::from_utf8(answered.bytes.to_vec()).unwrap();
    assert!(text.starts_with("SIP/2.0 200 "));
    // Where we listen, not the port of that connection.
    assert!(
        text.contains("Contact: <sip:pua@192.0.2.9:5060;transport=tcp>"),
        "{text}"
    );
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.hop.transport, Transport::Tcp);
}

/// R6665-66: the connection breaks under a refresh: once more on a new one, in the same dialog.
#[test]
fn r6665_66_connection_lost_under_a_refresh() {
    let mut bed = by_tcp();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let notify =
        Notify::new(&sent, "n", 1, "active;expires=600").contact("<sip:n@192.0.2.1:5080;transport=tcp>");
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(600_000);
    for why in [Unreachable::Closed, Unreachable::Refused] {
        bed.input(Input::Unreachable {
            hop: refresh.hop,
            connection: None,
            why,
        });
        if why == Unreachable::Closed {
            let again = bed.take();
            assert_eq!(
                (again.cseq(), again.header("To")),
                (refresh.cseq(), refresh.header("To"))
            );
        }
    }
    // R6665-52: nobody there is not a no: it stands, and is tried again within its time.
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    let again = bed.run_to_next(600_000);
    assert_eq!(again.header("Call-ID"), sent.header("Call-ID"));
    bed.respond(&again, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "active;expires=600")), 200);
    assert_eq!(bed.subscription_events(), ["active"]);
}

/// R3263-07, R6665-38: a first SUBSCRIBE goes to the next address: another branch, all else the same.
#[test]
fn r6665_38_next_address() {
    let mut config = config();
    config.presence_server = Some(Proxy {
        uri: "sip:ps.example.net".into(),
    });
    for silent in [false, true] {
        let mut bed = Bed::with(config.clone());
        let id = bed.command(Command::Subscribe(subscribe("presence", EVER)));
        bed.nothing_sent();
        bed.run_to(500);
        bed.resolve("ps.example.net", &["192.0.2.31", "192.0.2.32"]);
        let sent = bed.take();
        if silent {
            bed.run_to(32_600);
        } else {
            bed.respond(&sent, 503, "Retry-After: 300\r\n");
        }
        let second = bed.sent.last().unwrap().clone();
        assert_eq!(second.hop.addr.to_string(), "192.0.2.32:5060");
        for same in ["Call-ID", "From", "CSeq", "To"] {
            assert_eq!(second.header(same), sent.header(same), "{same}");
        }
        assert_ne!(second.branch(), sent.branch());
        // A NOTIFY of whichever took it makes the dialog.
        assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
        assert_eq!(bed.subscription_outcome(id).code, 200);
    }
}

/// R6665-57: unwanted while its server's name is looked up: nothing is sent.
#[test]
fn r6665_57_unwanted_before_it_is_sent() {
    let mut config = config();
    config.presence_server = Some(Proxy {
        uri: "sip:ps.example.net".into(),
    });
    let mut bed = Bed::with(config);
    let one = bed.command(Command::Subscribe(subscribe("presence", EVER)));
    let other = bed.unsubscribe("presence");
    bed.resolve("ps.example.net", &["192.0.2.31"]);
    bed.run_to(100_000);
    bed.nothing_sent();
    assert_eq!((bed.answers(one), bed.answers(other)), (1, 1));
    bed.nothing_left();
}

/// R6665-13, R7616-02: a stale nonce within the dialog: one round more, the next CSeq, the same
/// dialog; wrong credentials there do not end it.
#[test]
fn r6665_13_digest_in_the_dialog() {
    let mut config = config();
    config.credentials = vec![Credential {
        realm: "d".into(),
        username: "w".into(),
        password: "secret".into(),
    }];
    let challenge = |nonce: &str, rest: &str| {
        format!("WWW-Authenticate: Digest realm=\"d\", nonce=\"{nonce}\", qop=\"auth\"{rest}\r\n")
    };
    let mut bed = Bed::with(config);
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 401, &challenge("one", ""));
    let sent = bed.take();
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
    let refresh = bed.run_to_next(600_000);
    assert!(refresh.header("Authorization").unwrap().contains("nonce=\"one\""));
    bed.respond(&refresh, 401, &challenge("two", ", stale=true"));
    let again = bed.take();
    assert_eq!(
        (again.cseq(), again.header("To")),
        (refresh.cseq() + 1, refresh.header("To"))
    );
    let digest = again.header("Authorization").unwrap();
    assert!(
        digest.contains("nonce=\"two\"") && digest.contains("nc=00000001"),
        "{digest}"
    );
    assert!(digest.contains("uri=\"sip:n@192.0.2.1:5080\""), "{digest}");
    bed.respond(&again, 401, &challenge("three", ""));
    bed.run_to(again.at + 10_000);
    bed.nothing_sent();
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "active").pidf(OPEN)), 200);
    assert_eq!(bed.told().len(), 1);
}

/// A configuration that is loaded while a request with digest is under way: the challenge that
/// answers it is the first of the new one.
#[test]
fn a_challenge_after_a_reload() {
    let mut config = config();
    config.credentials = vec![Credential {
        realm: "d".into(),
        username: "w".into(),
        password: "secret".into(),
    }];
    let challenge = "WWW-Authenticate: Digest realm=\"d\", nonce=\"x\", qop=\"auth\"\r\n";
    let mut bed = Bed::with(config.clone());
    bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 401, challenge);
    let second = bed.take();
    bed.input(Input::Configure(config));
    bed.respond(&second, 401, challenge);
    let third = bed.take();
    assert_eq!(third.cseq(), second.cseq() + 1);
    assert!(third.header("Authorization").is_some());
}

/// Both roles share the paced rate of a server, in the order in which they came to need it.
#[test]
fn one_paced_queue_for_both_roles() {
    let mut config = config();
    config.pacing = Pacing {
        rate: 10,
        burst: 1,
        ..Pacing::default()
    };
    let mut bed = Bed::with(config);
    let mut old = Bed::new();
    old.subscribe("presence", EVER);
    old.publish("sip:a@example.com", bed::BODY, 3600);
    for n in 0..30u64 {
        let name = format!("sip:u{n}@example.com");
        for change in &old.changes {
            match change {
                Change::PutSubscription(record) => {
                    let mut record = (**record).clone();
                    let mut own = (*record.name).clone();
                    own.presentity = (&*name).into();
                    (record.name, record.key) = (own.into(), n + 1);
                    bed.input(Input::RestoreSubscription(record));
                }
                Change::Put(record) => {
                    let mut record = (**record).clone();
                    record.name.presentity = (&*name).into();
                    record.key = n + 1;
                    bed.input(Input::Restore(record));
                }
                _ => {}
            }
        }
    }
    let mut order = Vec::new();
    while order.len() < 60 {
        let sent = bed.next_sent(30_000);
        order.push((sent.at, sent.start().to_owned()));
        bed.respond(&sent, 403, "");
    }
    let publishes = order
        .iter()
        .filter(|(_, start)| start.starts_with("PUBLISH"))
        .count();
    assert_eq!(publishes, 30);
    let span = order[59].0 - order[0].0;
    assert!((5_700..6_300).contains(&span), "{span} ms for 60 at 10 a second");
    let changes = order
        .windows(2)
        .filter(|pair| pair[0].1[..3] != pair[1].1[..3])
        .count();
    assert!(changes > 30, "they take turns: {changes}");
}

/// R6665-94, SEC: bytes of strangers: no panic, no state, no more than one answer to each.
#[test]
fn strangers_get_nothing() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let text = Notify::new(&sent, "n", 2, "active;expires=600")
        .with("Record-Route: <sip:192.0.2.31;lr>\r\n")
        .pidf(OPEN)
        .text();
    // Every prefix, and every byte changed, in a dialog that is none of theirs.
    let foreign = text.replace(sent.header("Call-ID").unwrap(), "0123456789abcdef");
    let mut turns = 0;
    let from = bed.responses.len();
    for at in 0..foreign.len() {
        for byte in [0u8, b'\r', b'\n', b' ', b':', b';', b'<', b'"', 0xff] {
            let mut bytes = foreign.clone().into_bytes();
            bytes[at] = byte;
            let flow = Flow {
                transport: Transport::Udp,
                local: "192.0.2.9:5060".parse().unwrap(),
                remote: "203.0.113.5:1234".parse().unwrap(),
                connection: 0,
            };
            bed.input(Input::Received {
                flow: &flow,
                bytes: &bytes,
            });
            bed.input(Input::Received {
                flow: &flow,
                bytes: &bytes[..at],
            });
            turns += 2;
        }
    }
    assert!(bed.responses.len() - from <= turns);
    assert_eq!(bed.statistic("dialogs"), 1);
    assert_eq!(bed.subscription("presence").notifies, 1);
    assert!(bed.told().is_empty());
    bed.nothing_sent();
    // The same in the dialog itself: whatever it brings, it holds or ends, and nothing breaks.
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 0x15;
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.9:5060".parse().unwrap(),
            remote: sent.hop.addr,
            connection: 0,
        };
        bed.input(Input::Received {
            flow: &flow,
            bytes: &bytes,
        });
    }
    bed.run_to(2_000_000);
}
