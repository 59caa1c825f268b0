//! RFC 3903 §4.2–4.4: lifetimes, refreshes, and the end of both, as timelines.

mod bed;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";

/// R3903-30, R3903-31: the granted lifetime counts, and the refresh comes well before its end.
#[test]
fn r3903_30_granted_lifetime() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 60);
    let refresh = bed.run_to_next(60_000);
    assert!((24_000..=30_000).contains(&refresh.at), "{}", refresh.at);
    bed.ok(&refresh, "t2", 60);
    bed.run_to(refresh.at + 23_000);
    bed.nothing_sent();
}

/// R3903-31: a long lease has room for a whole transaction time-out and more.
#[test]
fn r3903_31_long_lease() {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 1);
    command.lifetime = Lifetime::UntilFurtherNotice;
    bed.command(Command::Publish(command));
    let sent = bed.take();
    assert_eq!(sent.expires(), 3600, "default_expires while it is wanted");
    bed.ok(&sent, "t", 3600);
    bed.run_to(1_799_000);
    bed.nothing_sent();
    let refresh = bed.run_to_next(3_600_000);
    assert!((1_800_000..=3_000_000).contains(&refresh.at));
    assert_eq!(refresh.expires(), 3600);
    bed.ok(&refresh, "t", 3600);
    assert!(bed.view(A).until.is_none());
}

/// R3903-32: granted together, refreshed apart.
#[test]
fn r3903_32_jitter() {
    let mut bed = Bed::new();
    for n in 0..1000 {
        bed.publish(&format!("sip:u{n}@example.com"), BODY, 36_000);
    }
    bed.ok_all("t", 3600);
    let mut minutes = std::collections::BTreeMap::new();
    for _ in 0..1000 {
        let sent = bed.run_to_next(3_100_000);
        *minutes.entry(sent.at / 60_000).or_insert(0) += 1;
        bed.ok(&sent, "t", 36_000);
    }
    assert_eq!(minutes.values().sum::<u32>(), 1000);
    assert!(minutes.len() >= 18, "{minutes:?}");
    assert!(minutes.values().all(|count| *count < 100), "{minutes:?}");
}

/// R3903-33: a tiny grant makes no loop.
#[test]
fn r3903_33_tiny_grants() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 1);
    let mut times = vec![0];
    for n in 0..20 {
        let sent = bed.run_to_next(bed.now + 1000);
        times.push(sent.at);
        bed.ok(&sent, &format!("t{n}"), 1);
    }
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 500), "{times:?}");
}

/// R3903-34: a grant longer than asked is taken for what was asked; the server is told at the end
/// that it is over.
#[test]
fn r3903_34_longer_than_asked() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 600);
    let sent = bed.take();
    bed.ok(&sent, "t", 7200);
    assert_eq!(bed.outcome(id).expires, Some(7200), "told as the server said it");
    let next = bed.run_to_next(601_000);
    assert_eq!(next.at, 600_000);
    assert_eq!((next.expires(), next.if_match()), (0, Some("t")));
    bed.ok(&next, "x", 0);
    assert!(!bed.holds(A));
}

/// R3903-35: no Expires: what was asked.
#[test]
fn r3903_35_no_expires() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 600);
    let sent = bed.take();
    bed.respond(&sent, 200, "SIP-ETag: t\r\n");
    assert_eq!(bed.outcome(id).expires, Some(600));
    assert_eq!(bed.statistic("responses_without_expires"), 1);
    bed.run_to(599_000);
    bed.nothing_sent();
    bed.run_to(600_000);
    assert!(!bed.holds(A), "it lasted to the end without a refresh");
}

/// R3903-36: granted for no time: told, and tried again later.
#[test]
fn r3903_36_granted_zero() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 600);
    let sent = bed.take();
    bed.ok(&sent, "t", 0);
    let outcome = bed.outcome(id);
    assert!(matches!(outcome.next, Next::Retry { .. }));
    assert_eq!((outcome.etag.as_deref(), outcome.expires), (None, Some(0)));
    assert!(outcome.detail.as_ref().unwrap().contains("no time"));
    assert_eq!(bed.state(A), PublicationState::Waiting);
    bed.run_to(1_900);
    bed.nothing_sent();
    let again = bed.run_to_next(5_000);
    assert!(again.if_match().is_none());
}

/// R3903-37: a modify counts anew.
#[test]
fn r3903_37_modify_restarts_the_lease() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 60);
    bed.run_to(20_000);
    bed.publish(A, "<new/>", 3600);
    let modify = bed.take();
    bed.ok(&modify, "t2", 60);
    bed.run_to(43_900);
    bed.nothing_sent();
    let refresh = bed.run_to_next(50_001);
    assert_eq!(refresh.if_match(), Some("t2"));
}

/// R3903-39: any Expires is survived.
#[test]
fn r3903_39_malformed_expires() {
    for (header, expected) in [
        ("99999999999", 600),
        ("-1", 600),
        ("abc", 600),
        ("4294967295", u32::MAX),
        ("+5", 600),
    ] {
        let mut bed = Bed::new();
        let id = bed.publish(A, BODY, 600);
        let sent = bed.take();
        bed.respond(&sent, 200, &format!("SIP-ETag: t\r\nExpires: {header}\r\n"));
        let told = bed.outcome(id).expires.unwrap();
        assert!(told == expected || told == u32::MAX, "{header}: {told}");
        assert_eq!(bed.view(A).granted, Some(600), "{header}");
    }
}

/// The lifetime ends exactly when it was asked to, however short the grants are.
#[test]
fn the_lifetime_ends_when_asked() {
    let mut bed = Bed::new();
    let mut sent = bed.published(A, 100, 30);
    let mut end = 0;
    let mut count = 0;
    loop {
        let asked = sent.expires();
        end = end.max(sent.at + u64::from(asked.min(30)) * 1000);
        if asked <= 30 {
            break;
        }
        sent = bed.run_to_next(101_000);
        count += 1;
        bed.ok(&sent, &format!("t{count}"), sent.expires().min(30));
    }
    assert!(
        (100_000..=101_000).contains(&end),
        "the server's grant ends at {end}"
    );
    assert!(count >= 4);
    bed.run_to(99_999);
    bed.nothing_sent();
    assert!(bed.holds(A));
    bed.run_to(100_000);
    assert!(!bed.holds(A));
    assert!(matches!(bed.events.last(), Some(Event::Expired { .. })));
    bed.run_to(200_000);
    bed.nothing_sent();
}

/// `min_expires`: more is asked for, and withdrawn when the application wanted it to end.
#[test]
fn min_expires_of_the_configuration() {
    let mut bed = Bed::with(Config {
        min_expires: 300,
        ..config()
    });
    bed.publish(A, BODY, 60);
    let sent = bed.take();
    assert_eq!(sent.expires(), 300);
    bed.ok(&sent, "t", 300);
    bed.run_to(59_999);
    bed.nothing_sent();
    let removal = bed.run_to_next(60_000);
    assert_eq!((removal.expires(), removal.if_match()), (0, Some("t")));
}

/// A publication that waits for its turn past its end is not sent any more.
#[test]
fn over_before_it_was_sent() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 3600);
    let mut dialog = publish(A, "<d/>", 5);
    dialog.name.package = "dialog".into();
    let id = bed.command(Command::Publish(dialog));
    bed.run_to(10_000);
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.next), (408, Next::Ended));
    assert!(
        bed.sent
            .iter()
            .all(|sent| sent.header("Event") == Some("presence"))
    );
}

/// pua:refresh asks the server now.
#[test]
fn refresh_on_command() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    bed.run_to(10_000);
    let id = bed.command(Command::Refresh(target(A)));
    let refresh = bed.take();
    assert_eq!(
        (refresh.if_match(), refresh.body(), refresh.expires()),
        (Some("tag1"), "", 3590)
    );
    bed.ok(&refresh, "t2", 3590);
    assert_eq!(bed.outcome(id).etag.as_deref(), Some("t2"));
}

/// R3903-71: a graceful stop withdraws everything, or nothing.
#[test]
fn r3903_71_graceful_stop() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    let now = bed.at(0);
    bed.agent.stop(now, false);
    assert!(bed.agent.is_idle());
    bed.agent.stop(now, true);
    bed.input(Input::Timeout);
    let removal = bed.take();
    assert_eq!((removal.expires(), removal.if_match()), (0, Some("tag1")));
    assert!(!bed.agent.is_idle());
    let id = bed.publish("sip:b@example.com", BODY, 60);
    assert!(matches!(bed.reply(id), Some(Reply::Refused(Refusal::Busy))));
    bed.ok(&removal, "x", 0);
    assert!(bed.agent.is_idle());
}

/// R3903-70: after a restart first with the stored tag, on 412 anew.
#[test]
fn r3903_70_restored() {
    let mut first = Bed::new();
    first.published(A, 36_000, 60);
    let record = first
        .changes
        .iter()
        .find_map(|change| match change {
            Change::Put(record) => Some((**record).clone()),
            _ => None,
        })
        .unwrap();
    let mut bed = Bed::new();
    let record = PublicationRecord {
        etag: Some("tag1".into()),
        expires_at: Some(bed.at(60_000)),
        published_revision: record.revision,
        cseq: 1,
        until: Some(bed.at(36_000_000)),
        call_id: "before".into(),
        ..record
    };
    bed.input(Input::Restore(record));
    assert_eq!(bed.state(A), PublicationState::Published);
    let refresh = bed.run_to_next(31_000);
    assert_eq!((refresh.if_match(), refresh.cseq()), (Some("tag1"), 1));
    // R3903-13: what left after the record was written is not known, so its Call-ID is not used.
    assert_ne!(refresh.header("Call-ID"), Some("before"));
    bed.respond(&refresh, 412, "");
    let initial = bed.take();
    assert_eq!((initial.if_match(), initial.body()), (None, BODY));
}

/// What would be tried again only after the lifetime is not told as tried again.
#[test]
fn no_retry_after_the_end() {
    let row = "Retry-After: 600\r\n";
    for (code, rows) in [(503, row), (480, row), (404, "")] {
        let mut bed = Bed::new();
        let id = bed.publish(A, BODY, 60);
        let sent = bed.take();
        bed.respond(&sent, code, rows);
        assert_eq!(bed.outcome(id).next, Next::Ended, "{code}");
        if code != 404 {
            let mut late = target(A);
            late.timeout = std::time::Duration::from_secs(1);
            let late = bed.command(Command::Refresh(late));
            assert_eq!(bed.outcome(late).next, Next::Ended, "{code}");
        }
        bed.run_to(60_000);
        assert!(!bed.holds(A));
    }
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 1);
    let sent = bed.take();
    bed.ok(&sent, "t", 0);
    assert_eq!(bed.outcome(id).next, Next::Ended, "granted for no time");
}

/// What a server holds without an entity-tag cannot be withdrawn (RFC 3903 §4.5), and nobody is told
/// that it was.
#[test]
fn a_removal_without_an_entity_tag_is_no_success() {
    let without_tag = || {
        let mut bed = Bed::new();
        bed.publish(A, BODY, 3600);
        let sent = bed.take();
        bed.respond(&sent, 200, "Expires: 600\r\n");
        bed
    };
    let mut bed = without_tag();
    bed.run_to(100_000);
    let id = bed.remove(A);
    bed.nothing_sent();
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.origin), (501, FailureOrigin::Local));
    assert_eq!((outcome.expires, &outcome.next), (Some(500), &Next::Ended));
    assert!(outcome.detail.as_ref().unwrap().contains("500 s"));
    assert!(!bed.holds(A));

    // Asked for while it is being published, and while it waits.
    let mut bed = Bed::new();
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    let id = bed.remove(A);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.outcome(id).code, 501);

    let mut bed = without_tag();
    bed.publish(A, "<new/>", 3600);
    let sent = bed.take();
    bed.respond(&sent, 480, "Retry-After: 60\r\n");
    let id = bed.remove(A);
    assert_eq!(bed.outcome(id).code, 501);

    let mut bed = without_tag();
    bed.publish(A, "<new/>", 3600);
    let sent = bed.take();
    let id = bed.remove(A);
    bed.respond(&sent, 500, "");
    assert_eq!(bed.outcome(id).code, 501);
}
