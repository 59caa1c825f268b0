//! Where requests go: RFC 3261 §18.1, RFC 3263 §4, and what happens when nobody is there.

mod bed;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";

/// R3263-02, R3263-05, R3263-06: port and transport of the next hop's URI.
#[test]
fn r3263_02_port_and_transport() {
    for (proxy, hop) in [
        ("sip:192.0.2.1", "udp:192.0.2.1:5060"),
        ("sip:192.0.2.1:5070", "udp:192.0.2.1:5070"),
        ("sip:192.0.2.1;transport=TCP", "tcp:192.0.2.1:5060"),
        (
            "sip:pa@server.example;maddr=192.0.2.5;transport=udp",
            "udp:192.0.2.5:5060",
        ),
        ("sip:[2001:db8::1]:5070", "udp:[2001:db8::1]:5070"),
    ] {
        let mut listen = config().listen;
        listen.push((Transport::Udp, "[2001:db8::9]:5060".parse().unwrap()));
        let mut bed = Bed::with(Config {
            listen,
            presence_server: Some(Proxy { uri: proxy.into() }),
            ..config()
        });
        bed.publish(A, BODY, 60);
        let sent = bed.take();
        assert_eq!(sent.hop.to_string(), hop);
        let via = sent.header("Via").unwrap();
        assert!(
            via.starts_with(&format!("SIP/2.0/{} ", sent.hop.transport.via_token())),
            "{via}"
        );
        if proxy.contains('[') {
            assert!(via.contains("[2001:db8::9]:5060"), "{via}");
        }
    }
}

/// R3263-01: without a proxy the domain of the presentity is resolved, once for all who wait.
#[test]
fn r3263_01_by_domain() {
    let mut bed = Bed::by_domain();
    bed.publish(A, BODY, 60);
    bed.publish("sip:b@EXAMPLE.com", BODY, 60);
    assert_eq!(
        bed.queries,
        [Query::Addresses {
            host: "example.com".into()
        }]
    );
    bed.nothing_sent();
    bed.resolve("example.com", &["192.0.2.7"]);
    for _ in 0..2 {
        assert_eq!(bed.take().hop.to_string(), "udp:192.0.2.7:5060");
    }
    bed.publish("sip:c@example.com", BODY, 60);
    bed.take();
    assert_eq!(bed.queries.len(), 1, "known for as long as it holds");
}

/// A name without an address: 503 at once, tried again later.
#[test]
fn unresolvable_name() {
    let mut bed = Bed::by_domain();
    let id = bed.publish(A, BODY, 3600);
    bed.resolve("example.com", &[]);
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.origin), (503, FailureOrigin::Transport));
    assert!(matches!(outcome.next, Next::Retry { .. }));
    bed.run_to(13_000);
    assert!(bed.queries.len() >= 2, "asked again");
    bed.resolve("example.com", &["192.0.2.7"]);
    bed.run_to_next(40_000);
}

/// The proxy of one command, kept for its refreshes.
#[test]
fn proxy_of_one_publication() {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 3600);
    command.proxy = Some(Proxy {
        uri: "sip:192.0.2.77:5090;lr".into(),
    });
    bed.command(Command::Publish(command));
    let sent = bed.take();
    assert_eq!(
        (sent.hop.to_string().as_str(), sent.all("Route")),
        ("udp:192.0.2.77:5090", vec!["<sip:192.0.2.77:5090;lr>"])
    );
    bed.ok(&sent, "t", 60);
    assert_eq!(bed.run_to_next(31_000).hop, sent.hop);
    let mut command = publish(A, BODY, 3600);
    command.proxy = Some(Proxy {
        uri: "sips:192.0.2.77".into(),
    });
    let id = bed.command(Command::Publish(command));
    assert!(matches!(
        bed.reply(id),
        Some(Reply::Refused(Refusal::BadProxy(_)))
    ));
}

/// R3261-101: a request over 1300 bytes goes by TCP, and its Via says so. R3261-072: once.
#[test]
fn r3261_101_large_requests_go_by_tcp() {
    let mut bed = Bed::new();
    bed.publish(A, &"x".repeat(1400), 3600);
    let sent = bed.take();
    assert_eq!(sent.hop.to_string(), "tcp:192.0.2.1:5080");
    assert!(
        sent.header("Via")
            .unwrap()
            .starts_with("SIP/2.0/TCP 192.0.2.9:5060;")
    );
    bed.run_to(30_000);
    bed.nothing_sent();
    bed.ok(&sent, "t", 3600);
    bed.publish(A, BODY, 3600);
    assert_eq!(bed.take().hop.transport, Transport::Udp);
}

/// R3261-101: the whole message counts, credentials included.
#[test]
fn r3261_101_credentials_count() {
    let credentials = vec![Credential {
        realm: "".into(),
        username: "u".into(),
        password: "p".into(),
    }];
    let mut bed = Bed::with(Config {
        credentials,
        ..config()
    });
    let probe = {
        let mut bed = Bed::new();
        bed.publish(A, "", 3600);
        bed.publish("sip:b@example.com", "x", 3600);
        bed.sent.last().unwrap().bytes.len()
    };
    bed.publish(A, &"x".repeat(1300 - probe - 40), 3600);
    let sent = bed.take();
    assert_eq!(sent.hop.transport, Transport::Udp);
    assert!(sent.bytes.len() <= 1300);
    bed.respond(
        &sent,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n\", qop=\"auth\"\r\n",
    );
    let again = bed.take();
    assert!(again.bytes.len() > 1300);
    assert_eq!(again.hop.transport, Transport::Tcp);
}

/// R3261-102: TCP refused: once by UDP with a branch of its own, and remembered.
#[test]
fn r3261_102_tcp_refused() {
    let mut bed = Bed::new();
    let large = "x".repeat(2000);
    let id = bed.publish(A, &large, 3600);
    let tcp = bed.take();
    bed.undelivered(&tcp, Unreachable::Refused);
    let udp = bed.take();
    assert_eq!(
        (udp.hop.to_string().as_str(), udp.cseq()),
        ("udp:192.0.2.1:5080", tcp.cseq())
    );
    assert_ne!(udp.branch(), tcp.branch());
    assert!(udp.header("Via").unwrap().starts_with("SIP/2.0/UDP "));
    bed.ok(&udp, "t", 3600);
    assert_eq!(bed.outcome(id).code, 200);
    bed.publish("sip:b@example.com", &large, 3600);
    assert_eq!(bed.take().hop.transport, Transport::Udp);
}

/// What no datagram can carry always goes by TCP; when that is refused, it waits as for any server
/// that cannot be reached, and what datagrams carry goes on.
#[test]
fn what_no_datagram_carries_waits_for_tcp() {
    let mut bed = Bed::new();
    let id = bed.publish(A, &"x".repeat(70_000), 3600);
    let mut failures = 0;
    while bed.now < 60_000 {
        let tcp = bed.next_sent(bed.now + 61_000);
        assert_eq!(tcp.hop.to_string(), "tcp:192.0.2.1:5080");
        bed.undelivered(&tcp, Unreachable::Refused);
        bed.nothing_sent();
        failures += 1;
    }
    assert!((4..10).contains(&failures), "{failures}");
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.origin), (503, FailureOrigin::Transport));
    assert!(outcome.detail.as_ref().unwrap().contains("refused"));
    assert!(matches!(outcome.next, Next::Retry { .. }));
    bed.publish("sip:b@example.com", &"x".repeat(2000), 3600);
    let udp = bed.take();
    assert_eq!(udp.hop.transport, Transport::Udp, "TCP was refused");
    bed.ok(&udp, "t", 3600);
    let tcp = bed.next_sent(bed.now + 301_000);
    bed.ok(&tcp, "t", 3600);
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// R3261-074: an unreachable server is told at once, and tried again.
#[test]
fn r3261_074_connection_refused() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 3600);
    let sent = bed.take();
    bed.undelivered(&sent, Unreachable::Refused);
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.origin), (503, FailureOrigin::Transport));
    assert!(
        outcome
            .detail
            .as_ref()
            .unwrap()
            .contains("udp:192.0.2.1:5080 refused")
    );
    bed.run_to_next(4_001);
}

/// R3261-106: a broken connection is replaced once, at once.
#[test]
fn r3261_106_connection_lost() {
    let mut bed = Bed::with(Config {
        presence_server: Some(Proxy {
            uri: "sip:192.0.2.1;transport=tcp".into(),
        }),
        ..config()
    });
    let id = bed.publish(A, BODY, 3600);
    let first = bed.take();
    bed.undelivered(&first, Unreachable::Closed);
    let second = bed.take();
    assert_ne!(second.branch(), first.branch());
    bed.undelivered(&second, Unreachable::Closed);
    bed.nothing_sent();
    assert_eq!(bed.outcome(id).code, 503);
}

/// R3263-07, R3903-73, R3903-74: the next server with the same CSeq and a new branch; what the
/// second does not know is published anew there; and then it is kept to.
#[test]
fn r3263_07_fail_over() {
    let mut bed = Bed::by_domain();
    bed.publish(A, BODY, 36_000);
    bed.resolve("example.com", &["192.0.2.1", "192.0.2.2"]);
    let sent = bed.take();
    bed.ok(&sent, "one", 60);
    let refresh = bed.run_to_next(31_000);
    assert_eq!(refresh.hop.addr.ip().to_string(), "192.0.2.1");
    bed.undelivered(&refresh, Unreachable::Refused);
    let other = bed.take();
    assert_eq!(other.hop.addr.ip().to_string(), "192.0.2.2");
    assert_eq!(
        (other.cseq(), other.header("Call-ID"), other.header("From")),
        (refresh.cseq(), refresh.header("Call-ID"), refresh.header("From"))
    );
    assert_ne!(other.branch(), refresh.branch());
    assert_eq!(other.if_match(), Some("one"));
    bed.respond(&other, 412, "");
    let initial = bed.take();
    assert_eq!((initial.hop, initial.if_match()), (other.hop, None));
    bed.ok(&initial, "two", 60);
    for _ in 0..100 {
        let refresh = bed.run_to_next(bed.now + 31_000);
        assert_eq!(refresh.hop, other.hop);
        assert_eq!(refresh.if_match(), Some("two"));
        bed.ok(&refresh, "two", 60);
    }
    assert_eq!(
        bed.agent
            .publications(&Filter::default(), None, 10)
            .publications
            .len(),
        1
    );
}

/// R3263-07: 503 from the first, the second is asked; both refuse: 503 with the wait.
#[test]
fn r3263_07_503_fails_over() {
    let mut bed = Bed::by_domain();
    let id = bed.publish(A, BODY, 3600);
    bed.resolve("example.com", &["192.0.2.1", "192.0.2.2"]);
    let first = bed.take();
    bed.respond(&first, 503, "Retry-After: 30\r\n");
    let second = bed.take();
    assert_eq!(second.hop.addr.ip().to_string(), "192.0.2.2");
    assert_eq!(second.cseq(), first.cseq());
    bed.respond(&second, 503, "Retry-After: 20\r\n");
    assert_eq!(bed.outcome(id).code, 503);
    bed.run_to(19_000);
    bed.nothing_sent();
    assert_eq!(bed.run_to_next(30_001).hop, second.hop);
}

/// R3261-109: bound to the unspecified address, Via has the one that leads to the server.
#[test]
fn r3261_109_source_address() {
    let listen = vec![(Transport::Udp, "0.0.0.0:5062".parse().unwrap())];
    let mut bed = Bed::with(Config { listen, ..config() });
    bed.publish(A, BODY, 3600);
    let towards = "192.0.2.1".parse().unwrap();
    assert_eq!(bed.queries, [Query::Source { towards }]);
    bed.input(Input::Source {
        towards,
        source: Some("192.0.2.33".parse().unwrap()),
    });
    let sent = bed.take();
    assert!(sent.header("Via").unwrap().contains(" 192.0.2.33:5062;"));
    bed.ok(&sent, "t", 60);
    assert_eq!(bed.state(A), PublicationState::Published);

    let advertise = Some("pua.example:5099".into());
    let mut bed = Bed::with(Config {
        advertise,
        ..config()
    });
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    assert!(sent.header("Via").unwrap().contains(" pua.example:5099;"));
    bed.ok(&sent, "t", 60);
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// R3261-050, R3261-052, R3261-053, R3581-03: which responses count.
#[test]
fn r3261_050_responses_that_are_not_ours() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 3600);
    let sent = bed.take();
    let good = Bed::response(&sent, 200, "SIP-ETag: t\r\nExpires: 60\r\n");
    let via = format!("Via: {}\r\n", sent.header("Via").unwrap());
    for bad in [
        good.replace("192.0.2.9:5060", "192.0.2.10:5060"),
        good.replace(
            &via,
            &format!("{via}Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKx\r\n"),
        ),
        good.replace("CSeq: 1 PUBLISH", "CSeq: 1 NOTIFY"),
        good.replace("branch=z9hG4bK", "branch=z9hG4bKx"),
        good.replace("SIP/2.0 200", "SIP/2.0 4294967301"),
    ] {
        bed.receive_from(sent.hop, &bad);
        assert!(bed.reply(id).is_none(), "{bad}");
    }
    let elsewhere = Hop {
        transport: Transport::Udp,
        addr: "203.0.113.5:9999".parse().unwrap(),
    };
    bed.receive_from(
        elsewhere,
        &good.replace(";rport", ";received=192.0.2.9;rport=5060"),
    );
    assert_eq!(bed.outcome(id).code, 200, "not by its source address");
    let other = good
        .replace("tag=server", "tag=other")
        .replace("SIP-ETag: t", "SIP-ETag: u");
    bed.receive_from(sent.hop, &other);
    assert_eq!(bed.view(A).etag.as_deref(), Some("t"), "one outcome per request");
}

/// R3903-24: retransmissions are the same bytes.
#[test]
fn r3903_24_retransmissions_are_identical() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 3600);
    bed.run_to(31_999);
    let all = bed.take_all();
    assert_eq!(all.len(), 11);
    assert!(all.iter().all(|sent| sent.bytes == all[0].bytes));
}

/// R7339-03: a server that does not answer is only looked at now and then, and all that waits
/// goes out at the paced rate when it does.
#[test]
fn r7339_03_outage_and_recovery() {
    let pacing = Pacing {
        window_floor: 200,
        ..Pacing::default()
    };
    let mut bed = Bed::with(Config { pacing, ..config() });
    for n in 0..200 {
        bed.publish(&format!("sip:u{n}@example.com"), BODY, 36_000);
    }
    let hop = bed.sent[0].hop;
    bed.take_all();
    bed.input(Input::Unreachable {
        hop,
        connection: None,
        why: Unreachable::Refused,
    });
    let mut tries = 0;
    while bed.now < 600_000 {
        let due = bed.agent.poll_timeout().unwrap();
        bed.now = bed.ms(due);
        bed.input(Input::Timeout);
        let sent = bed.take_all();
        if !sent.is_empty() {
            tries += sent.len();
            bed.input(Input::Unreachable {
                hop,
                connection: None,
                why: Unreachable::Refused,
            });
        }
    }
    assert!(
        (20..120).contains(&tries),
        "{tries} tries in ten minutes for 200 publications"
    );
    let first = bed.run_to_next(bed.now + 31_000);
    bed.ok(&first, "t", 3600);
    let mut up = 1;
    let since = bed.now;
    while up < 200 && bed.now < since + 10_000 {
        for sent in bed.take_all() {
            up += 1;
            bed.ok(&sent, "t", 3600);
        }
        if let Some(due) = bed.agent.poll_timeout() {
            bed.now = bed.ms(due);
            bed.input(Input::Timeout);
        }
    }
    assert_eq!(up, 200, "all are there again within seconds");
}

/// A next hop that nobody uses is forgotten when there are very many; who asks for it again, or for
/// the one that has its place now, is led where the URI says.
#[test]
fn next_hops_that_were_forgotten_are_not_mixed_up() {
    let mut bed = Bed::new();
    let mut through = |port: u64| {
        let proxy = Some(Proxy {
            uri: format!("sip:192.0.2.1:{port}").into(),
        });
        bed.command(Command::Publish(Publish {
            proxy,
            ..publish(A, BODY, 600)
        }));
        let sent = bed.take();
        assert_eq!(u64::from(sent.hop.addr.port()), port);
        bed.ok(&sent, "t", 600);
        bed.remove(A);
        let removed = bed.take();
        assert_eq!(removed.hop, sent.hop);
        bed.respond(&removed, 200, "SIP-ETag: t\r\nExpires: 0\r\n");
        assert!(!bed.holds(A));
        bed.take_all();
    };
    for port in 6000..7200 {
        through(port);
        for before in 1..4 {
            through(port.saturating_sub(before).max(6000));
        }
    }
}

/// R3263-07: a server that has said 100 has the request: no other is asked when it says no more.
#[test]
fn r3263_07_no_fail_over_after_a_provisional_response() {
    let mut bed = Bed::by_domain();
    let mut command = publish(A, BODY, 3600);
    command.timeout = std::time::Duration::from_secs(60);
    let id = bed.command(Command::Publish(command));
    bed.resolve("example.com", &["192.0.2.1", "192.0.2.2"]);
    let first = bed.take();
    bed.respond(&first, 100, "");
    bed.run_to(32_000);
    assert!(bed.take_all().iter().all(|sent| sent.hop == first.hop));
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.origin), (408, FailureOrigin::Timeout));
    assert!(matches!(outcome.next, Next::Retry { .. }));
    assert_eq!(bed.run_to_next(36_001).hop, first.hop);
}

/// R5954-01: our own address in a Via is compared by its value, however it is written.
#[test]
fn r5954_01_our_address_however_it_is_written() {
    let mut bed = Bed::with(Config {
        presence_server: Some(Proxy {
            uri: "sip:[2001:db8::1]:5070".into(),
        }),
        listen: vec![(Transport::Udp, "[2001:db8::9]:5060".parse().unwrap())],
        ..config()
    });
    for (written, ours) in [
        ("[2001:DB8:0:0::9]:5060", true),
        ("[2001:0db8::0009]:5060", true),
        ("[2001:db8::9]:5061", false),
        ("[2001:db8::8]:5060", false),
        ("[2001:db8::9:5060", false),
    ] {
        let id = bed.publish(A, written, 3600);
        let sent = bed.take();
        let good = Bed::response(&sent, 200, "SIP-ETag: t\r\nExpires: 3600\r\n");
        let other = good.replace("[2001:db8::9]:5060", written);
        assert_ne!(good, other);
        bed.receive_from(sent.hop, &other);
        assert_eq!(bed.reply(id).is_some(), ours, "{written}");
        if !ours {
            bed.receive_from(sent.hop, &good);
        }
    }
}
