//! Publications of an earlier life (R3903-70), and the end of one life for the next (R3903-71).

mod bed;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";

/// A record as the store gives it back: granted for so many seconds from now, or ended so long ago.
fn record(bed: &Bed, key: u64, presentity: &str, seconds: i64) -> PublicationRecord {
    let expires_at = match u64::try_from(seconds) {
        Ok(seconds) => bed.at(bed.now + seconds * 1000),
        Err(_) => bed.at(bed.now) - std::time::Duration::from_secs(seconds.unsigned_abs()),
    };
    PublicationRecord {
        key,
        name: name(presentity),
        document: document(BODY),
        headers: "".into(),
        proxy: None,
        until: None,
        removing: false,
        revision: 3,
        document_revision: 2,
        on_stop: None,
        published_revision: 3,
        etag: Some("stored".into()),
        expires_at: Some(expires_at),
        call_id: "before".into(),
        cseq: 9,
        surplus: 0,
        setback: None,
    }
}

/// Ten minutes into the test, so that there is a past.
fn later() -> Bed {
    let mut bed = Bed::new();
    bed.run_to(600_000);
    bed
}

fn user(n: u64) -> String {
    format!("sip:u{n}@example.com")
}

/// R3903-70: what is unchanged is refreshed within what is left, and is not written again.
#[test]
fn r3903_70_what_still_runs_is_refreshed_in_its_time() {
    let mut bed = later();
    let restored = record(&bed, 7, A, 60);
    bed.input(Input::Restore(restored));
    bed.nothing_sent();
    assert!(bed.changes.is_empty(), "{:?}", bed.changes);
    let refresh = bed.run_to_next(600_000 + 30_000);
    assert_eq!((refresh.if_match(), refresh.body()), (Some("stored"), ""));
    bed.ok(&refresh, "t2", 60);
    assert!(
        matches!(&bed.changes[..], [Change::Granted { key: 7, etag: Some(etag), revision: 3, .. }] if **etag == *"t2"),
        "a refresh writes what was granted and nothing else: {:?}",
        bed.changes
    );
    assert!(
        bed.events.is_empty(),
        "nothing has changed for anybody: {:?}",
        bed.events
    );
}

/// R3903-70: a grant that lasts to the end of the lifetime is refreshed once, so that a server that
/// has lost it is found out.
#[test]
fn r3903_70_what_lasts_to_its_end_is_looked_after_once() {
    for code in [200, 412] {
        let mut bed = later();
        let restored = PublicationRecord {
            until: Some(bed.at(600_000 + 3_600_000)),
            ..record(&bed, 7, A, 3600)
        };
        bed.input(Input::Restore(restored));
        let refresh = bed.run_to_next(600_000 + 3_000_000);
        assert_eq!((refresh.if_match(), refresh.body()), (Some("stored"), ""));
        if code == 412 {
            bed.respond(&refresh, 412, "");
            let initial = bed.take();
            assert_eq!((initial.if_match(), initial.body()), (None, BODY));
            bed.ok(&initial, "t2", initial.expires());
        } else {
            bed.ok(&refresh, "t2", refresh.expires());
        }
        bed.run_to(600_000 + 3_700_000);
        bed.nothing_sent();
        assert!(!bed.holds(A));
    }
}

/// R3903-70: what the application changed last goes out, with the tag of what is there.
#[test]
fn r3903_70_a_change_that_was_not_sent_is_a_modify() {
    let mut bed = later();
    let restored = PublicationRecord {
        revision: 4,
        document_revision: 4,
        ..record(&bed, 7, A, 60)
    };
    bed.input(Input::Restore(restored));
    let modify = bed.run_to_next(600_010);
    assert_eq!((modify.if_match(), modify.body()), (Some("stored"), BODY));
    bed.respond(&modify, 412, "");
    let initial = bed.take();
    assert_eq!(initial.at, modify.at, "in the same exchange");
    assert_eq!((initial.if_match(), initial.body()), (None, BODY));
}

/// A change of the lifetime alone is a refresh: the document is there.
#[test]
fn r3903_70_the_revision_of_the_document_counts() {
    let mut bed = later();
    let restored = PublicationRecord {
        revision: 4,
        document_revision: 2,
        ..record(&bed, 7, A, 60)
    };
    bed.input(Input::Restore(restored));
    let refresh = bed.run_to_next(600_010);
    assert_eq!((refresh.if_match(), refresh.body()), (Some("stored"), ""));
}

/// R3903-70: the clock may have been set: a grant that has just ended is tried, one long gone not.
#[test]
fn r3903_70_a_tag_that_has_just_ended_is_tried() {
    for (seconds, tag) in [(-5, Some("stored")), (-59, Some("stored")), (-61, None)] {
        let mut bed = later();
        let restored = record(&bed, 7, A, seconds);
        bed.input(Input::Restore(restored));
        let sent = bed.run_to_next(600_010);
        assert_eq!(sent.if_match(), tag, "{seconds}");
        assert_eq!(sent.body().is_empty(), tag.is_some());
        bed.ok(&sent, "t2", 60);
        let recovered = bed
            .events
            .iter()
            .any(|event| matches!(event, Event::Recovered { .. }));
        assert_eq!(recovered, tag.is_none(), "{seconds}: {:?}", bed.events);
    }
}

/// A lifetime that has ended meanwhile: told, forgotten, and nothing is sent for it.
#[test]
fn a_lifetime_that_ended_meanwhile_is_over() {
    let mut bed = later();
    let restored = PublicationRecord {
        until: Some(bed.at(599_000)),
        ..record(&bed, 7, A, -1)
    };
    bed.input(Input::Restore(restored));
    assert!(matches!(bed.changes[..], [Change::Delete { key: 7 }]));
    assert!(matches!(bed.events[..], [Event::Expired { .. }]));
    assert!(!bed.holds(A) && bed.agent.is_idle());
    bed.run_to(4_000_000);
    bed.nothing_sent();
}

/// The same when the server holds it for longer: it is withdrawn there first.
#[test]
fn a_lifetime_that_ended_meanwhile_is_withdrawn_where_it_lingers() {
    let mut bed = later();
    let restored = PublicationRecord {
        until: Some(bed.at(599_000)),
        ..record(&bed, 7, A, 100)
    };
    bed.input(Input::Restore(restored));
    let removal = bed.run_to_next(600_010);
    assert_eq!((removal.if_match(), removal.expires()), (Some("stored"), 0));
    assert!(bed.changes.is_empty() && bed.events.is_empty());
    bed.respond(&removal, 200, "Expires: 0\r\n");
    assert!(matches!(bed.changes[..], [Change::Delete { key: 7 }]));
    assert!(matches!(bed.events[..], [Event::Expired { .. }]));
}

/// What was being removed goes on being removed, and is not published again, whatever is answered.
#[test]
fn a_removal_is_gone_on_with() {
    for code in [200, 412] {
        let mut bed = later();
        let restored = PublicationRecord {
            removing: true,
            ..record(&bed, 7, A, 100)
        };
        bed.input(Input::Restore(restored));
        let removal = bed.run_to_next(600_010);
        assert_eq!((removal.if_match(), removal.expires()), (Some("stored"), 0));
        bed.respond(&removal, code, "");
        assert!(matches!(bed.changes[..], [Change::Delete { key: 7 }]));
        assert!(matches!(bed.events[..], [Event::Removed { .. }]));
        bed.run_to(4_000_000);
        bed.nothing_sent();
    }
    // Nothing is left to remove.
    let mut bed = later();
    let restored = PublicationRecord {
        removing: true,
        ..record(&bed, 7, A, -100)
    };
    bed.input(Input::Restore(restored));
    assert!(matches!(bed.changes[..], [Change::Delete { key: 7 }]));
    bed.run_to(4_000_000);
    bed.nothing_sent();
}

/// R3903-71: what shall stay when the daemon stops is remembered, changed only when it is said.
#[test]
fn r3903_71_each_stops_by_its_own_policy() {
    let mut bed = later();
    for (n, on_stop) in [(1, None), (2, Some(OnStop::Keep)), (3, Some(OnStop::Remove))] {
        let restored = PublicationRecord {
            on_stop,
            ..record(&bed, n, &user(n), 3000)
        };
        bed.input(Input::Restore(restored));
    }
    for (remove, gone) in [(false, vec![3]), (true, vec![1])] {
        let now = bed.at(bed.now);
        bed.agent.stop(now, remove);
        bed.input(Input::Timeout);
        let removals = bed.take_all();
        let of: Vec<&str> = removals.iter().map(|sent| sent.start()).collect();
        let expected: Vec<String> = gone
            .iter()
            .map(|n| format!("PUBLISH {} SIP/2.0", user(*n)))
            .collect();
        assert_eq!(of, expected);
        assert!(!bed.agent.is_idle());
        for removal in &removals {
            bed.respond(removal, 200, "");
        }
        assert!(bed.agent.is_idle());
    }
    assert_eq!(bed.view(&user(2)).on_stop, Some(OnStop::Keep));
}

/// R3903-71: what could not be withdrawn in time is in the store as withdrawn, and the next life
/// goes on with it.
#[test]
fn r3903_71_a_stop_cut_short_is_gone_on_with() {
    let mut bed = later();
    for n in 1..=2500 {
        let restored = record(&bed, n, &user(n), 3000);
        bed.input(Input::Restore(restored));
    }
    assert!(bed.changes.is_empty());
    let now = bed.at(bed.now);
    bed.agent.stop(now, true);
    bed.input(Input::Timeout);
    let mut turns = 0;
    while bed.agent.poll_timeout().is_some_and(|at| at <= now) {
        bed.input(Input::Timeout);
        turns += 1;
        assert!(turns < 10);
    }
    assert!(turns >= 1, "a share at a time");
    let removing: Vec<_> = bed
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Put(record) if record.removing => Some((**record).clone()),
            _ => None,
        })
        .collect();
    assert_eq!(removing.len(), 2500);
    let sent = bed.take_all().len();
    assert!(sent < 200, "no more than the window: {sent}");
    let mut next = later();
    next.input(Input::Restore(removing[2000].clone()));
    let again = next.run_to_next(600_010);
    assert_eq!(again.expires(), 0);
}

/// A burst of half a million is none: spread over what is left, the soonest to end first, and the
/// first at once.
#[test]
fn r3903_70_many_taken_up_are_spread() {
    let mut bed = later();
    for n in 0..2000 {
        let restored = record(&bed, n + 1, &user(n), 1200);
        bed.input(Input::Restore(restored));
    }
    // Ended while the daemon was away, in no order.
    for n in 0..100 {
        let restored = record(&bed, n + 5000, &user(n + 5000), -((n as i64 * 37) % 50) - 1);
        bed.input(Input::Restore(restored));
    }
    assert_eq!(bed.sent.len(), 0, "when all are loaded");
    bed.run_to(600_001);
    let first = bed.take_all();
    assert_eq!(first.len(), 50, "the burst of the pacing");
    let number = |sent: &Sent| -> i64 {
        let user = sent.start().split(['u', '@']).nth(1).unwrap_or_default();
        user.parse::<i64>().unwrap() - 5000
    };
    let ended: Vec<i64> = first.iter().map(|sent| (number(sent) * 37) % 50).collect();
    assert!(
        ended.windows(2).all(|two| two[0] >= two[1]),
        "the first that ended first: {ended:?}"
    );
    for sent in &first {
        bed.ok(sent, "t", 3600);
    }
    let mut per_minute = std::collections::BTreeMap::new();
    while bed.sent.len() < 2040 {
        let sent = bed.next_sent(1_300_000);
        *per_minute.entry((sent.at - 600_000) / 60_000).or_insert(0) += 1;
        bed.ok(&sent, "t", 36_000);
    }
    assert!(per_minute.values().all(|count| *count < 350), "{per_minute:?}");
    assert!(per_minute.len() >= 9, "{per_minute:?}");
}
