//! What NOTIFYs carry (group B.4): types, documents that are broken or hostile, encodings, floods.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{CLOSED, Notify, OPEN};
use bed::{Bed, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// R6665-91, R6665-101: only what was accepted; the answer says what; it goes on.
#[test]
fn r6665_91_types() {
    for content_type in [
        "text/plain",
        "application/xml",
        "application/dialog-info+xml",
        "message/external-body; access-type=\"URL\"; URL=\"http://192.0.2.200/\"",
        "multipart/mixed;boundary=b",
    ] {
        let mut bed = Bed::new();
        let sent = bed.subscribed("presence", EVER);
        let notify = Notify::new(&sent, "n", 2, "active;expires=600").body(content_type, "x");
        assert_eq!(bed.notify(&notify), 415, "{content_type}");
        assert!(bed.answered("Accept").unwrap().contains("application/pidf+xml"));
        assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
        let fine = Notify::new(&sent, "n", 3, "active;expires=600")
            .body("Application/PIDF+XML ; charset=\"utf-8\"", OPEN);
        assert_eq!(bed.notify(&fine), 200);
        assert_eq!(bed.told().len(), 1);
        assert!(bed.queries.is_empty());
        bed.nothing_sent();
    }
    // One that ends it is taken whatever it brings.
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let end = Notify::new(&sent, "n", 2, "terminated;reason=rejected").body("text/plain", "no");
    assert_eq!(bed.notify(&end), 200);
    assert_eq!(
        bed.subscription_events().last().unwrap(),
        "terminated rejected refused"
    );
}

/// R6665-91, R6665-21: a first NOTIFY that is refused makes no dialog.
#[test]
fn r6665_91_first_is_refused() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(
        bed.notify(&Notify::new(&sent, "A", 1, "active").body("text/plain", "x")),
        415
    );
    assert_eq!(bed.answered("Record-Route"), None);
    assert_eq!(bed.subscription("presence").dialogs.len(), 0);
    let no_contact = Notify {
        contact: None,
        ..Notify::new(&sent, "C", 1, "active")
    };
    assert_eq!(bed.notify(&no_contact), 400);
    let bad_route = Notify::new(&sent, "D", 1, "active").with("Record-Route: <sip:\r\n");
    assert_eq!(bed.notify(&bad_route), 400);
    assert_eq!(bed.notify(&Notify::new(&sent, "B", 1, "active;expires=600")), 200);
}

/// R6665-92, R6665-93: what is wrong with a document is told to the application, and that is all.
#[test]
fn r6665_92_93_documents() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let hostile = [
        "",
        "<",
        "not xml at all",
        "<!DOCTYPE p [<!ENTITY a \"b\">]><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@example.com'>&a;</presence>",
        "\u{0}",
        &"<a>".repeat(15_000),
        &format!("<presence {}/>", "x".repeat(50_000)),
    ];
    let mut cseq = 1;
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", cseq, "active;expires=600").pidf(OPEN)),
        200
    );
    for body in hostile {
        cseq += 1;
        let notify = Notify::new(&sent, "n", cseq, "active;expires=600").pidf(body);
        assert_eq!(bed.notify(&notify), 200, "{}", body.get(..20).unwrap_or(body));
        let state = &bed.agent.states(Some("sip:a@example.com"))[0];
        assert_eq!(&state.state.body[..], OPEN.as_bytes());
    }
    let unreadable = bed
        .events
        .iter()
        .filter(|event| matches!(event, Event::Unreadable { .. }));
    assert!(unreadable.count() >= 5);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    cseq += 1;
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", cseq, "pending;expires=600")),
        200
    );
    assert_eq!(bed.agent.states(None).len(), 1);
    assert_eq!(bed.subscription_events(), ["active", "pending"]);
    cseq += 1;
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", cseq, "active;expires=600").pidf(CLOSED)),
        200
    );
    assert_eq!(bed.told().last().unwrap(), &(CLOSED.to_owned(), true));
    bed.nothing_sent();
}

/// SEC-09: what may be told is not bounded by what may be published, and comes by a stream in one
/// message.
#[test]
fn sec_09_a_document_of_a_mebibyte_is_taken() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let note = "z".repeat(1024 * 1024 - OPEN.len() - 13);
    let document = OPEN.replace("</tuple>", &format!("<note>{note}</note></tuple>"));
    assert_eq!(document.len(), 1024 * 1024);
    let notify = Notify::new(&sent, "n", 2, "active;expires=600").pidf(&document);
    let hop = Hop {
        transport: Transport::Tcp,
        ..sent.hop
    };
    bed.receive_from(hop, &notify.text().replace("SIP/2.0/UDP", "SIP/2.0/TCP"));
    assert_eq!(bed.answer_code(), 200);
    assert_eq!(bed.told().last().unwrap().0.len(), document.len());
}

/// A document beyond the limit is refused; the subscription goes on.
#[test]
fn sec_09_document_too_large() {
    let mut config = config();
    config.limits.told = 1000;
    let mut bed = Bed::with(config);
    let sent = bed.subscribed("presence", EVER);
    let large = Notify::new(&sent, "n", 2, "active;expires=600").pidf(&"x".repeat(1001));
    assert_eq!(bed.notify(&large), 413);
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 3, "active;expires=600").pidf(OPEN)),
        200
    );
}

/// R6665-96: no encoding was offered.
#[test]
fn r6665_96_encodings() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    for (n, (coding, code)) in [("gzip", 415), ("identity", 200), ("deflate, identity", 415)]
        .iter()
        .enumerate()
    {
        let notify = Notify::new(&sent, "n", n as u32 + 2, "active;expires=600")
            .pidf(OPEN)
            .with(&format!("Content-Encoding: {coding}\r\n"));
        assert_eq!(bed.notify(&notify), *code, "{coding}");
        if *code == 415 {
            assert_eq!(bed.answered("Accept-Encoding"), Some("identity"));
        }
    }
    assert_eq!(bed.told().len(), 1);
}

/// R6665-100: a flood of the notifier's own costs what it is worth, and the last state holds.
#[test]
fn r6665_100_flood() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    for n in 0..2000u32 {
        let body = if n % 2 == 0 { OPEN } else { CLOSED };
        assert_eq!(
            bed.notify(&Notify::new(&sent, "n", n + 2, "active;expires=600").pidf(body)),
            200
        );
        bed.events.clear();
    }
    assert_eq!(bed.agent.states(None).len(), 1);
    assert_eq!(&bed.agent.states(None)[0].state.body[..], CLOSED.as_bytes());
    bed.run_to(40_000);
    assert_eq!(bed.statistic("server_transactions"), 0);
    bed.nothing_sent();
}

/// R6665-100: more than can be remembered: each is still taken and answered, and a repetition whose
/// answer is forgotten is not told twice.
#[test]
fn r6665_100_more_than_is_remembered() {
    let mut config = config();
    config.limits.server_transactions = 100;
    let mut bed = Bed::with(config);
    let sent = bed.subscribed("presence", EVER);
    for n in 0..500u32 {
        let body = if n % 2 == 0 { OPEN } else { CLOSED };
        assert_eq!(
            bed.notify(&Notify::new(&sent, "n", n + 2, "active;expires=600").pidf(body)),
            200
        );
    }
    assert_eq!(bed.statistic("server_transactions"), 100);
    assert_eq!(bed.told().len(), 500);
    let recent = Notify::new(&sent, "n", 490, "active;expires=600").pidf(OPEN);
    assert_eq!(bed.notify(&recent), 200);
    let old = Notify::new(&sent, "n", 10, "active;expires=600").pidf(OPEN);
    assert_eq!(bed.notify(&old), 500);
    assert_eq!(bed.told().len(), 500);
    bed.run_to(100_000);
    assert_eq!(bed.statistic("server_transactions"), 0);
}

/// R6665-91, R6665-24: that a NOTIFY came and was refused is told to whoever waited for one.
#[test]
fn r6665_91_a_refused_notify_is_told() {
    let mut config = config();
    config.limits.told = 1000;
    for (content_type, length, expected) in [
        (
            "text/plain",
            10,
            "415 Unsupported Media Type: the document is text/plain",
        ),
        ("application/pidf+xml", 1001, "has 1001 bytes, and 1000 are taken"),
    ] {
        let mut bed = Bed::with(config.clone());
        let (id, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        let refused = |cseq: u32| {
            let notify = Notify::new(&sent, "n", cseq, "active;expires=600");
            notify.body(content_type, &"x".repeat(length))
        };
        bed.notify(&refused(1));
        bed.run_to(33_000);
        let detail = bed.subscription_outcome(id).detail.clone().unwrap();
        assert!(detail.contains(expected), "{detail}");
    }
}

/// R6665-91: in a dialog that stands such a document is told as one that cannot be read, and a refresh
/// that brings nothing else says so.
#[test]
fn r6665_91_a_refused_notify_in_a_dialog_is_unreadable() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let notify = |cseq: u32| Notify::new(&sent, "n", cseq, "active;expires=600");
    assert_eq!(bed.notify(&notify(2).body("text/plain", "x")), 415);
    match bed.events.last() {
        Some(Event::Unreadable { why, .. }) => assert!(why.contains("415") && why.contains("text/plain")),
        other => panic!("{other:?}"),
    }
    assert_eq!(bed.statistic("documents_unreadable"), 1);
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    let events = bed.events.len();
    assert_eq!(bed.notify(&notify(3).body("text/plain", "x")), 415);
    bed.run_to(refresh.at + 33_000);
    let told = bed.events[events..].iter().find_map(|event| match event {
        Event::Subscription {
            change: SubscriptionChange::Terminated { detail, .. },
            ..
        } => detail.clone(),
        _ => None,
    });
    assert!(told.unwrap().contains("was refused: 415"));
}

/// A NOTIFY that is taken makes up for one that was not.
#[test]
fn a_notify_that_is_taken_is_the_last_word() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let notify = |cseq: u32| Notify::new(&sent, "n", cseq, "active;expires=600");
    assert_eq!(bed.notify(&notify(2).body("text/plain", "x")), 415);
    assert_eq!(bed.notify(&notify(3).pidf(OPEN)), 200);
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    bed.run_to(refresh.at + 33_000);
    let told = format!("{:?}", bed.events);
    assert!(told.contains("no NOTIFY came after the refresh"), "{told}");
}
