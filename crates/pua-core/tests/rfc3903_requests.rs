//! RFC 3903 §4: what a PUBLISH says, one at a time, and the latest state wins.

mod bed;
use bed::*;
use pua_core::*;
use std::time::Duration;

const A: &str = "sip:a@example.com";

/// R3903-01, R3261-038: the Request-URI is the presentity; a loose proxy goes into Route.
#[test]
fn r3903_01_request_uri_is_the_presentity() {
    let mut bed = Bed::with(Config {
        presence_server: Some(Proxy {
            uri: "sip:192.0.2.1:5080;lr".into(),
        }),
        ..config()
    });
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    assert_eq!(sent.start(), "PUBLISH sip:a@example.com SIP/2.0");
    assert_eq!(sent.all("Route"), ["<sip:192.0.2.1:5080;lr>"]);
    assert_eq!(sent.header("To"), Some("<sip:a@example.com>"));
    assert_eq!(sent.hop.to_string(), "udp:192.0.2.1:5080");
}

/// A proxy without `lr` is only where the request is sent.
#[test]
fn r3903_01_strict_proxy_is_only_the_next_hop() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    assert_eq!(sent.header("Route"), None);
    assert_eq!(sent.hop.to_string(), "udp:192.0.2.1:5080");
}

/// The exact bytes of an initial PUBLISH; R3261-030, R3903-03, R3903-11 (no Contact).
#[test]
fn r3903_03_golden_initial() {
    let mut bed = Bed::new();
    let mut command = publish(A, "<presence/>", 3600);
    command.headers = arc("P-Flags: 0\r\n");
    bed.command(Command::Publish(command));
    let sent = bed.take();
    let tag = sent.header("From").unwrap().split("tag=").nth(1).unwrap();
    let expected = format!(
        "PUBLISH sip:a@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;branch={};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:a@example.com>;tag={tag}\r\n\
         To: <sip:a@example.com>\r\n\
         Call-ID: {}\r\n\
         CSeq: 1 PUBLISH\r\n\
         Event: presence\r\n\
         Expires: 3600\r\n\
         User-Agent: pua/{}\r\n\
         P-Flags: 0\r\n\
         Content-Type: application/pidf+xml\r\n\
         Content-Length: 11\r\n\r\n<presence/>",
        sent.branch(),
        sent.header("Call-ID").unwrap(),
        env!("CARGO_PKG_VERSION"),
    );
    assert_eq!(sent.text(), expected);
}

/// R3903-02, -04, -05, -06, -07, -08, -13: the four operations in order.
#[test]
fn r3903_04_to_08_the_four_operations() {
    let mut bed = Bed::new();
    let initial = bed.published(A, 3600, 60);
    assert!(initial.if_match().is_none() && !initial.body().is_empty());
    let refresh = bed.run_to_next(31_000);
    assert_eq!(refresh.if_match(), Some("tag1"));
    assert_eq!((refresh.body(), refresh.header("Content-Type")), ("", None));
    assert_eq!(refresh.header("Content-Length"), Some("0"));
    assert!(refresh.expires() > 0);
    let odd = "dx200-._!%*+`'~";
    bed.ok(&refresh, odd, 60);
    bed.publish(A, "<presence>2</presence>", 3600);
    let modify = bed.take();
    assert_eq!(modify.if_match(), Some(odd), "the newest tag, byte for byte");
    assert_eq!(modify.body(), "<presence>2</presence>");
    bed.ok(&modify, "tag3", 60);
    let removed = bed.remove(A);
    let remove = bed.take();
    assert_eq!(
        (remove.if_match(), remove.expires(), remove.body()),
        (Some("tag3"), 0, "")
    );
    assert!(bed.reply(removed).is_none(), "removed only on the final response");
    bed.ok(&remove, "tag4", 0);
    assert_eq!(bed.outcome(removed).next, Next::Ended);
    assert!(!bed.holds(A));
    for (sent, cseq) in [&initial, &refresh, &modify, &remove].into_iter().zip(1..) {
        assert_eq!(sent.all("Event"), ["presence"], "exactly one, without parameters");
        assert_eq!(sent.all("Expires").len(), 1);
        assert_eq!(sent.cseq(), cseq);
        assert_eq!(sent.header("Call-ID"), initial.header("Call-ID"));
    }
}

/// R3903-09: equal tags of different presentities do not mix; case matters.
#[test]
fn r3903_09_tags_are_opaque() {
    let mut bed = Bed::new();
    for (presentity, tag) in [
        (A, "Ab"),
        ("sip:b@example.com", "aB"),
        ("sip:c@example.com", "Ab"),
    ] {
        bed.publish(presentity, BODY, 3600);
        let sent = bed.take();
        bed.ok(&sent, tag, 3600);
    }
    for (presentity, tag) in [("sip:b@example.com", "aB"), (A, "Ab")] {
        bed.publish(presentity, "<new/>", 3600);
        let sent = bed.take();
        assert!(sent.start().contains(presentity));
        assert_eq!(sent.if_match(), Some(tag));
        bed.ok(&sent, "next", 3600);
    }
}

/// R3903-10: PUBLISH makes no dialog.
#[test]
fn r3903_10_no_dialog() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    bed.respond(
        &sent,
        200,
        "SIP-ETag: t\r\nExpires: 60\r\nRecord-Route: <sip:evil.example;lr>\r\nContact: <sip:evil.example>\r\n",
    );
    let refresh = bed.run_to_next(31_000);
    assert_eq!(refresh.start(), "PUBLISH sip:a@example.com SIP/2.0");
    assert_eq!(
        (refresh.header("Route"), refresh.header("To")),
        (None, Some("<sip:a@example.com>"))
    );
}

/// R3903-15: the document goes out as it was given, in every repetition.
#[test]
fn r3903_15_the_document_is_not_touched() {
    let mut bed = Bed::new();
    let body = "<?xml version='1.0'?>\n<presence><tuple id='0x81475a0'/>\r\n</presence> \n";
    bed.publish(A, body, 3600);
    let sent = bed.take();
    assert_eq!(sent.body(), body);
    bed.ok(&sent, "t", 60);
    let refresh = bed.run_to_next(31_000);
    bed.respond(&refresh, 412, "");
    assert_eq!(bed.take().body(), body);
}

/// R3903-16: publications of one presentity and package under two ids are two chains.
#[test]
fn r3903_16_ids_are_chains_of_their_own() {
    let mut bed = Bed::new();
    for id in ["one", "two"] {
        let mut command = publish(A, BODY, 3600);
        command.name.id = Some(id.into());
        bed.command(Command::Publish(command));
        let sent = bed.take();
        assert!(sent.if_match().is_none());
        bed.ok(&sent, id, 3600);
    }
    let mut target = target(A);
    target.name.id = Some("one".into());
    bed.command(Command::Remove(target));
    let sent = bed.take();
    assert_eq!(sent.if_match(), Some("one"));
    bed.ok(&sent, "x", 0);
    let page = bed.agent.publications(&Filter::default(), None, 10);
    assert_eq!(page.publications.len(), 1);
    assert_eq!(page.publications[0].name.id.as_deref(), Some("two"));
}

/// R3903-20, R3903-21: one PUBLISH per Request-URI, whatever the package; the latest state wins
/// and everyone is answered.
#[test]
fn r3903_20_one_in_flight_per_request_uri() {
    let mut bed = Bed::new();
    let first = bed.publish(A, "<p>0</p>", 3600);
    let initial = bed.take();
    let mut changes = Vec::new();
    for n in 1..=10 {
        changes.push(bed.publish(A, &format!("<p>{n}</p>"), 3600));
    }
    let mut dialog = publish("sip:a@EXAMPLE.com", "<d/>", 3600);
    dialog.name.package = "dialog".into();
    let other = bed.command(Command::Publish(dialog));
    bed.run_to(400);
    bed.nothing_sent();
    bed.ok(&initial, "t1", 3600);
    assert_eq!(bed.outcome(first).etag.as_deref(), Some("t1"));
    // The other package waited longer than the new states of the first.
    let dialog = bed.take();
    assert_eq!(dialog.header("Event"), Some("dialog"));
    bed.nothing_sent();
    bed.ok(&dialog, "d1", 3600);
    assert_eq!(bed.outcome(other).code, 200);
    let modify = bed.take();
    assert_eq!((modify.body(), modify.if_match()), ("<p>10</p>", Some("t1")));
    bed.nothing_sent();
    assert!(changes.iter().all(|id| bed.reply(*id).is_none()));
    bed.ok(&modify, "t2", 3600);
    for id in changes {
        assert_eq!(bed.outcome(id).etag.as_deref(), Some("t2"));
    }
    bed.nothing_sent();
}

/// R3903-21: the follow-ups of a request keep the turn.
#[test]
fn r3903_21_follow_ups_keep_the_turn() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 60);
    let refresh = bed.run_to_next(31_000);
    let mut dialog = publish(A, "<d/>", 3600);
    dialog.name.package = "dialog".into();
    bed.command(Command::Publish(dialog));
    bed.respond(&refresh, 412, "");
    let again = bed.take();
    assert_eq!(again.header("Event"), Some("presence"));
    bed.nothing_sent();
}

/// R3903-22: a removal waits for the outstanding request and uses its tag.
#[test]
fn r3903_22_removal_waits_for_the_tag() {
    let mut bed = Bed::new();
    let first = bed.publish(A, BODY, 3600);
    let initial = bed.take();
    let second = bed.publish(A, "<queued/>", 3600);
    let removed = bed.remove(A);
    bed.nothing_sent();
    bed.ok(&initial, "new", 3600);
    let remove = bed.take();
    assert_eq!(
        (remove.if_match(), remove.expires(), remove.body()),
        (Some("new"), 0, "")
    );
    bed.ok(&remove, "x", 0);
    bed.nothing_sent();
    assert_eq!(bed.outcome(first).etag.as_deref(), Some("new"));
    assert_eq!(bed.outcome(second).next, Next::Ended, "overtaken by the removal");
    assert_eq!(bed.outcome(removed).code, 200);
}

/// R3903-23: what never was there needs no removal.
#[test]
fn r3903_23_removal_of_what_was_refused() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    bed.respond(&sent, 403, "");
    assert_eq!(bed.state(A), PublicationState::Refused);
    let removed = bed.remove(A);
    bed.nothing_sent();
    assert_eq!(bed.outcome(removed).next, Next::Ended);
    assert!(!bed.holds(A));
}

/// A mind changed during a removal: it is published again, whole, after it.
#[test]
fn published_again_while_being_removed() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    let removed = bed.remove(A);
    let remove = bed.take();
    let back = bed.publish(A, "<back/>", 3600);
    bed.ok(&remove, "x", 0);
    assert_eq!(bed.outcome(removed).code, 200);
    let initial = bed.take();
    assert_eq!((initial.if_match(), initial.body()), (None, "<back/>"));
    bed.ok(&initial, "t9", 3600);
    assert_eq!(bed.outcome(back).etag.as_deref(), Some("t9"));
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// R3903-26: an interval between new states can be set; the last state is delivered.
#[test]
fn r3903_26_bounded_rate_of_changes() {
    let pacing = Pacing {
        min_interval: Duration::from_secs(1),
        ..Pacing::default()
    };
    let mut bed = Bed::with(Config { pacing, ..config() });
    let mut bodies = Vec::new();
    for n in 0..100 {
        bed.run_to(n * 30);
        bed.publish(A, &n.to_string(), 3600);
        for sent in bed.take_all() {
            bodies.push(sent.body().to_owned());
            bed.ok(&sent, &format!("t{n}"), 3600);
        }
    }
    let last = bed.run_to_next(bed.now + 2000);
    bodies.push(last.body().to_owned());
    assert!((3..=5).contains(&bodies.len()), "{bodies:?}");
    assert_eq!(bodies.last().unwrap(), "99");
}

/// An entity-tag given by the application must be the held one.
#[test]
fn wrong_entity_tag_is_refused_here() {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 3600);
    command.if_match = Some("unknown".into());
    let id = bed.command(Command::Publish(command.clone()));
    assert!(matches!(
        bed.reply(id),
        Some(Reply::Refused(Refusal::WrongEntityTag))
    ));
    bed.published(A, 3600, 3600);
    let id = bed.command(Command::Publish(command.clone()));
    assert!(matches!(
        bed.reply(id),
        Some(Reply::Refused(Refusal::WrongEntityTag))
    ));
    bed.nothing_sent();
    command.if_match = Some("tag1".into());
    bed.command(Command::Publish(command));
    assert_eq!(bed.take().if_match(), Some("tag1"));
}

/// What cannot be done is refused here, and nothing is sent.
#[test]
fn refusals_of_our_own() {
    let limits = Limits {
        body: 100,
        publications: 1,
        ..Limits::default()
    };
    let mut bed = Bed::with(Config { limits, ..config() });
    let refusal = |bed: &mut Bed, command| {
        let id = bed.command(command);
        match bed.reply(id) {
            Some(Reply::Refused(refusal)) => refusal.clone(),
            other => panic!("{other:?}"),
        }
    };
    let mut command = publish(A, BODY, 3600);
    command.document = None;
    assert_eq!(refusal(&mut bed, Command::Publish(command)), Refusal::NoDocument);
    let large = publish(A, &"x".repeat(101), 3600);
    assert_eq!(
        refusal(&mut bed, Command::Publish(large)),
        Refusal::DocumentTooLarge(100)
    );
    assert_eq!(refusal(&mut bed, Command::Remove(target(A))), Refusal::NotFound);
    assert_eq!(refusal(&mut bed, Command::Refresh(target(A))), Refusal::NotFound);
    assert!(matches!(
        refusal(
            &mut bed,
            Command::Publish(publish("sips:a@example.com", BODY, 60))
        ),
        Refusal::BadPresentity(_)
    ));
    bed.nothing_sent();
    bed.publish(A, BODY, 3600);
    assert_eq!(
        refusal(&mut bed, Command::Publish(publish("sip:b@example.com", BODY, 60))),
        Refusal::TooManyPublications(1)
    );
    let id = bed.publish(A, BODY, 3600);
    assert!(bed.reply(id).is_none(), "what is held can still be changed");
}

/// No body: a new lifetime of what is held (RFC 3903 §4.3).
#[test]
fn no_document_changes_the_lifetime() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    let mut command = publish(A, "", 7200);
    command.document = None;
    let id = bed.command(Command::Publish(command));
    let sent = bed.take();
    assert_eq!(
        (sent.if_match(), sent.expires(), sent.body()),
        (Some("tag1"), 7200, "")
    );
    bed.ok(&sent, "tag2", 7200);
    assert_eq!(bed.outcome(id).expires, Some(7200));
}

/// `wait`: accepted at once, after the change is handed to the store; none: no reply at all.
#[test]
fn wait_accepted_and_none() {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 3600);
    command.wait = Wait::Accepted;
    let id = bed.command(Command::Publish(command.clone()));
    assert!(matches!(bed.reply(id), Some(Reply::Accepted)));
    assert!(matches!(bed.changes[0], Change::Put(_)));
    command.wait = Wait::None;
    let id = bed.command(Command::Publish(command));
    let sent = bed.take();
    bed.ok(&sent, "t", 3600);
    bed.run_to(40_000);
    assert!(bed.reply(id).is_none());
}

/// The application's own time-out: 408, and we go on.
#[test]
fn timeout_of_the_application() {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 3600);
    command.timeout = Duration::from_secs(2);
    let id = bed.command(Command::Publish(command));
    bed.run_to(1999);
    assert!(bed.reply(id).is_none());
    bed.run_to(2000);
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.origin), (408, FailureOrigin::Timeout));
    let sent = bed.sent[0].clone();
    bed.ok(&sent, "t", 3600);
    assert_eq!(bed.state(A), PublicationState::Published);
    assert_eq!(bed.replies.len(), 1);
}

/// R3261-031, R3261-032: tags and Call-IDs are random, and never twice the same.
#[test]
fn r3261_031_032_identifiers() {
    let mut bed = Bed::new();
    let mut seen = std::collections::HashSet::new();
    for n in 0..2000 {
        bed.publish(&format!("sip:u{n}@example.com"), BODY, 60);
        let sent = bed.take();
        let tag = sent
            .header("From")
            .unwrap()
            .split("tag=")
            .nth(1)
            .unwrap()
            .to_owned();
        let call_id = sent.header("Call-ID").unwrap().to_owned();
        assert!(tag.len() >= 16 && call_id.len() >= 32 && !call_id.contains('@'));
        assert_eq!(sent.header("To").map(|to| to.contains("tag=")), Some(false));
        assert!(seen.insert(tag) && seen.insert(call_id));
        bed.ok(&sent, "t", 60);
    }
}

/// R3261-036, R3903-17: only headers that a PUBLISH may have, and none that claims what is not so.
#[test]
fn r3903_17_header_audit() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 60);
    bed.run_to_next(31_000);
    for sent in &bed.sent {
        for row in sent
            .text()
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .split("\r\n")
            .skip(1)
        {
            let name = row.split(':').next().unwrap();
            let allowed = [
                "Via",
                "Max-Forwards",
                "From",
                "To",
                "Call-ID",
                "CSeq",
                "Event",
                "Expires",
                "SIP-If-Match",
                "User-Agent",
                "Content-Type",
                "Content-Length",
            ];
            assert!(allowed.contains(&name), "{row}");
        }
    }
}

/// A removal of what nobody ever answered is not told as certain.
#[test]
fn removal_of_what_was_never_answered() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 3600);
    bed.run_to(32_500);
    assert_eq!(bed.state(A), PublicationState::Waiting);
    bed.take_all();
    let removed = bed.remove(A);
    bed.nothing_sent();
    assert_eq!(
        (bed.outcome(removed).code, bed.outcome(removed).next),
        (408, Next::Ended)
    );
    assert!(!bed.holds(A));
}
