//! RFC 3903 §5 and RFC 3261 §8.1.3: what each response leads to.

mod bed;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";

fn answered(code: u16, headers: &str) -> (Bed, u64) {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 3600);
    let sent = bed.take();
    bed.respond(&sent, code, headers);
    (bed, id)
}

fn retry_at(bed: &Bed, id: u64) -> u64 {
    match bed.outcome(id).next {
        Next::Retry { at } => bed.ms(at),
        other => panic!("{other:?}"),
    }
}

/// R3903-40, R3903-41: 412 discards the tag; the full present document goes out at once.
#[test]
fn r3903_40_41_conditional_request_failed() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 60);
    let refresh = bed.run_to_next(31_000);
    bed.respond(&refresh, 412, "");
    let initial = bed.take();
    assert_eq!((initial.if_match(), initial.body()), (None, BODY));
    assert_eq!(initial.cseq(), refresh.cseq() + 1);
    assert_ne!(initial.branch(), refresh.branch());
    bed.ok(&initial, "fresh", 60);
    assert_eq!(bed.view(A).etag.as_deref(), Some("fresh"));
    assert!(matches!(bed.events.last(), Some(Event::Recovered { .. })));
    bed.run_to(bed.now + 40_000);
    assert!(
        bed.take_all().iter().all(|sent| sent.if_match() != Some("tag1")),
        "never with that tag again"
    );
}

/// R3903-41: a modify that meets a 412 is answered with what came of the initial one.
#[test]
fn r3903_41_the_command_gets_the_final_outcome() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    let id = bed.publish(A, "<new/>", 3600);
    let modify = bed.take();
    bed.respond(&modify, 412, "");
    assert!(bed.reply(id).is_none());
    let initial = bed.take();
    assert_eq!(initial.body(), "<new/>");
    bed.ok(&initial, "t2", 3600);
    assert_eq!(
        (bed.outcome(id).code, bed.outcome(id).etag.as_deref()),
        (200, Some("t2"))
    );
}

/// R3903-42: 412 to a removal is its success; 412 to an initial one is a failure with back-off.
#[test]
fn r3903_42_412_to_remove_and_to_initial() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    let id = bed.remove(A);
    let remove = bed.take();
    bed.respond(&remove, 412, "");
    assert_eq!((bed.outcome(id).code, bed.outcome(id).next), (200, Next::Ended));
    assert!(!bed.holds(A));
    bed.run_to(100_000);
    bed.nothing_sent();

    let (bed, id) = answered(412, "");
    assert_eq!(bed.outcome(id).code, 412);
    assert!((2000..=4000).contains(&retry_at(&bed, id)));
}

/// R3903-44: 423 once more with what the server wants, and so from then on.
#[test]
fn r3903_44_interval_too_brief() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 60);
    let sent = bed.take();
    bed.respond(&sent, 423, "Min-Expires: 300\r\n");
    let again = bed.take();
    assert_eq!((again.expires(), again.cseq(), again.body()), (300, 2, BODY));
    bed.ok(&again, "t", 300);
    assert_eq!(bed.outcome(id).expires, Some(300));
    bed.publish("sip:b@example.com", BODY, 60);
    let other = bed.take();
    assert_eq!(other.expires(), 300, "remembered for the server and package");
    bed.ok(&other, "b", 300);
    let removal = bed.run_to_next(60_000);
    assert_eq!(
        (removal.expires(), removal.at),
        (0, 60_000),
        "and yet it ends when it was to"
    );
}

/// R3903-45: a 423 that makes no sense, or comes again and again, ends it; removals are not raised.
#[test]
fn r3903_45_423_that_makes_no_sense() {
    for headers in [
        "",
        "Min-Expires: soon\r\n",
        "Min-Expires: 10\r\n",
        "Min-Expires: 4000000000\r\n",
    ] {
        let (bed, id) = answered(423, headers);
        assert_eq!(
            (bed.outcome(id).code, bed.outcome(id).next),
            (423, Next::Refused),
            "{headers}"
        );
        assert_eq!(bed.sent.len(), 1);
    }
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 60);
    let mut least = 100;
    while bed.reply(id).is_none() {
        let sent = bed.take();
        bed.respond(&sent, 423, &format!("Min-Expires: {least}\r\n"));
        least *= 2;
    }
    assert_eq!(bed.sent.len(), 3);
    assert_eq!(bed.outcome(id).next, Next::Refused);

    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    bed.remove(A);
    let remove = bed.take();
    bed.respond(&remove, 423, "Min-Expires: 60\r\n");
    bed.nothing_sent();
}

/// R3903-46: a 2xx without a usable SIP-ETag.
#[test]
fn r3903_46_no_entity_tag() {
    for header in [
        "",
        "SIP-ETag: a b\r\n",
        "SIP-ETag: \"q\"\r\n",
        "SIP-ETag: a\r\nSIP-ETag: b\r\n",
    ] {
        let mut bed = Bed::new();
        let id = bed.publish(A, BODY, 3600);
        let sent = bed.take();
        bed.respond(&sent, 200, &format!("{header}Expires: 60\r\n"));
        assert_eq!(
            (bed.outcome(id).code, bed.outcome(id).etag.as_deref()),
            (200, None)
        );
        let again = bed.run_to_next(59_000);
        assert_eq!(
            (again.if_match(), again.body()),
            (None, BODY),
            "published anew before it ends"
        );
    }
    let mut bed = Bed::new();
    bed.published(A, 3600, 60);
    let refresh = bed.run_to_next(31_000);
    bed.respond(&refresh, 200, "Expires: 60\r\n");
    let next = bed.run_to_next(70_000);
    assert_eq!(
        next.if_match(),
        Some("tag1"),
        "the old tag stands, a 412 would heal it"
    );
}

/// R3903-49: not served here: told, and tried again in minutes.
#[test]
fn r3903_49_not_served() {
    for code in [404, 410, 604] {
        let (mut bed, id) = answered(code, "");
        assert_eq!(bed.outcome(id).code, code);
        assert!((150_000..=300_000).contains(&retry_at(&bed, id)));
        assert_eq!(bed.state(A), PublicationState::Waiting);
        bed.run_to(149_000);
        bed.nothing_sent();
        bed.run_to_next(300_001);
    }
}

/// R3903-50, R3903-51, R3903-52: refused for good, until a new command or configuration.
#[test]
fn r3903_50_51_52_refused() {
    for code in [400, 403, 405, 406, 415, 420, 488, 489, 501, 505, 513, 606] {
        let (mut bed, id) = answered(code, "Allow-Events: dialog\r\nWarning: 399 x \"why\"\r\n");
        let outcome = bed.outcome(id);
        assert_eq!((outcome.code, outcome.next), (code, Next::Refused));
        assert_eq!(outcome.warning.as_deref(), Some("399 x \"why\""));
        assert_eq!(outcome.allow_events.as_deref(), (code == 489).then_some("dialog"));
        assert_eq!(bed.state(A), PublicationState::Refused);
        bed.run_to(1_000_000);
        bed.nothing_sent();
        bed.publish(A, "<changed/>", 3600);
        assert_eq!(bed.take().body(), "<changed/>");
    }
    let (mut bed, _) = answered(403, "");
    bed.input(Input::Configure(config()));
    bed.take();
}

/// R3903-53: 415 says what the server takes.
#[test]
fn r3903_53_unsupported_media_type() {
    let (bed, id) = answered(415, "Accept: application/xpidf+xml\r\n");
    assert!(
        bed.outcome(id)
            .detail
            .as_ref()
            .unwrap()
            .contains("application/xpidf+xml")
    );
}

/// R3903-54: 413 with Retry-After comes back then, without it never.
#[test]
fn r3903_54_too_large() {
    let (mut bed, id) = answered(413, "Retry-After: 30 (busy);duration=60\r\n");
    assert_eq!(retry_at(&bed, id), 30_000);
    bed.run_to(29_999);
    bed.nothing_sent();
    bed.run_to_next(30_001);
    let (bed, id) = answered(413, "");
    assert_eq!(bed.outcome(id).next, Next::Refused);
}

/// R3903-55: Retry-After of a 503 quiets everything to that server; then the newest state goes out.
#[test]
fn r3903_55_retry_after() {
    let (mut bed, id) = answered(503, "Retry-After: 20\r\n");
    assert_eq!(
        (bed.outcome(id).code, bed.outcome(id).retry_after),
        (503, Some(20))
    );
    assert_eq!(retry_at(&bed, id), 20_000);
    let mut ids = Vec::new();
    for n in 0..5 {
        bed.run_to(n * 1000 + 1);
        ids.push(bed.publish(A, &format!("<p>{n}</p>"), 3600));
    }
    let other = bed.publish("sip:b@example.com", BODY, 3600);
    let mut impatient = publish("sip:c@example.com", BODY, 3600);
    impatient.timeout = std::time::Duration::from_secs(5);
    let impatient = bed.command(Command::Publish(impatient));
    assert_eq!(
        bed.outcome(impatient).code,
        503,
        "who cannot wait is told at once"
    );
    bed.run_to(19_999);
    bed.nothing_sent();
    let sent = bed.run_to_next(20_001);
    let mut all = vec![sent];
    bed.run_to(20_400);
    all.extend(bed.take_all());
    let mine: Vec<_> = all.iter().filter(|sent| sent.start().contains(A)).collect();
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0].body(), "<p>4</p>");
    let mine = mine[0].clone();
    bed.ok(&mine, "t", 3600);
    assert!(ids.iter().all(|id| bed.outcome(*id).code == 200));
    assert!(
        all.iter().all(|sent| sent.cseq() <= 2),
        "no number is used up by what was not sent"
    );
    let second = all
        .iter()
        .find(|sent| sent.start().contains("sip:b@"))
        .unwrap()
        .clone();
    bed.ok(&second, "t", 3600);
    assert_eq!(bed.outcome(other).code, 200);
}

/// R3903-55: of other codes it quiets that presentity only.
#[test]
fn r3903_55_retry_after_of_one_presentity() {
    for code in [404, 413, 480, 486, 500, 600, 603] {
        let (mut bed, id) = answered(code, "Retry-After: 20\r\n");
        assert_eq!(retry_at(&bed, id), 20_000, "{code}");
        bed.publish(A, "<p/>", 3600);
        bed.nothing_sent();
        bed.publish("sip:b@example.com", BODY, 3600);
        let other = bed.take();
        assert!(other.start().contains("sip:b@"));
        bed.ok(&other, "t", 3600);
        bed.run_to(19_999);
        bed.nothing_sent();
        assert_eq!(bed.run_to_next(20_001).body(), "<p/>");
    }
}

/// R3903-56: 503 without Retry-After: back-off, the tag kept.
#[test]
fn r3903_56_service_unavailable() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    let id = bed.publish(A, "<new/>", 3600);
    let sent = bed.take();
    bed.respond(&sent, 503, "");
    assert_eq!(bed.outcome(id).code, 503);
    let again = bed.run_to_next(4_001);
    assert_eq!((again.if_match(), again.body()), (Some("tag1"), "<new/>"));
}

/// R3903-57: unknown codes act as the x00 of their class.
#[test]
fn r3903_57_unknown_codes() {
    let (bed, id) = answered(299, "SIP-ETag: t\r\nExpires: 60\r\n");
    assert_eq!((bed.outcome(id).code, bed.outcome(id).next), (299, Next::Held));
    let (bed, id) = answered(499, "");
    assert_eq!(bed.outcome(id).next, Next::Refused);
    let (bed, id) = answered(599, "");
    retry_at(&bed, id);
}

/// R3903-58, R3261-057, R3261-015: redirections by q, each URI once, method and headers stripped.
#[test]
fn r3903_58_redirections() {
    let (mut bed, id) = answered(
        302,
        "Contact: <sip:b@192.0.2.2;method=INVITE?Route=%3Csip:evil%3E>;q=0.5, <sip:c@192.0.2.3:5090>;q=0.9\r\n",
    );
    let first = bed.take();
    assert_eq!(first.start(), "PUBLISH sip:c@192.0.2.3:5090 SIP/2.0");
    assert_eq!(first.hop.to_string(), "udp:192.0.2.3:5090");
    assert_eq!(
        (first.header("To"), first.body(), first.cseq()),
        (Some("<sip:a@example.com>"), BODY, 2)
    );
    bed.respond(
        &first,
        302,
        "Contact: <sip:a@example.com>, <sip:c@192.0.2.3:5090>\r\n",
    );
    let second = bed.take();
    assert_eq!(second.start(), "PUBLISH sip:b@192.0.2.2 SIP/2.0");
    assert_eq!(second.header("Route"), None);
    bed.respond(&second, 302, "Contact: <sip:c@192.0.2.3:5090>\r\n");
    bed.nothing_sent();
    assert_eq!((bed.outcome(id).code, bed.outcome(id).next), (302, Next::Refused));
    bed.publish(A, "<again/>", 60);
    assert_eq!(
        bed.take().start(),
        "PUBLISH sip:a@example.com SIP/2.0",
        "later ones go to the presentity"
    );
}

/// R3261-057: many contacts are capped.
#[test]
fn r3261_057_many_contacts() {
    let contacts: Vec<String> = (0..50).map(|n| format!("<sip:u{n}@192.0.2.2>")).collect();
    let (mut bed, id) = answered(302, &format!("Contact: {}\r\n", contacts.join(", ")));
    let mut tried = 0;
    while bed.reply(id).is_none() {
        let sent = bed.take();
        tried += 1;
        bed.respond(&sent, 302, "");
    }
    assert!(tried <= 5, "{tried}");
}

/// R3903-60: sips is not followed in clear.
#[test]
fn r3903_60_insecure_redirection() {
    let (bed, id) = answered(302, "Contact: <sips:b@192.0.2.2>\r\n");
    assert!(bed.outcome(id).detail.as_ref().unwrap().contains("sips"));
}

/// R3903-61, R3903-62: nobody answers: 408, and once more with the tag while it may be valid, then
/// without.
#[test]
fn r3903_61_62_nobody_answers() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 120);
    let mut command = publish(A, "<new/>", 3600);
    command.timeout = std::time::Duration::from_secs(60);
    let id = bed.command(Command::Publish(command));
    bed.run_to(31_999);
    assert!(bed.reply(id).is_none());
    assert_eq!(bed.sent.len(), 12, "eleven copies, and the first request of all");
    bed.run_to(32_000);
    assert_eq!(
        (bed.outcome(id).code, bed.outcome(id).origin),
        (408, FailureOrigin::Timeout)
    );
    bed.run_to(119_000);
    assert!(
        bed.sent
            .iter()
            .filter(|sent| sent.at > 32_000)
            .all(|sent| sent.if_match() == Some("tag1"))
    );
    bed.run_to(400_000);
    assert!(
        bed.sent
            .iter()
            .filter(|sent| sent.at > 160_000)
            .all(|sent| sent.if_match().is_none() && sent.body() == "<new/>")
    );
}

/// R3903-64: a server that is away for an hour is asked at a bounded rate, and found when it is
/// back.
#[test]
fn r3903_64_back_off_is_bounded() {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 1);
    command.lifetime = Lifetime::UntilFurtherNotice;
    bed.command(Command::Publish(command));
    let mut failures = 0;
    while bed.now < 3_600_000 {
        let sent = bed.take_all();
        if let Some(sent) = sent.last() {
            failures += 1;
            bed.input(Input::Unreachable {
                hop: sent.hop,
                connection: None,
                why: Unreachable::Refused,
            });
        }
        let due = bed.agent.poll_timeout().unwrap();
        bed.now = bed.ms(due);
        bed.input(Input::Timeout);
    }
    assert!((12..60).contains(&failures), "{failures}");
    let sent = match bed.sent.last().cloned() {
        Some(sent) => sent,
        None => bed.run_to_next(bed.now + 300_000),
    };
    assert!(sent.at - 3_600_000 <= 300_000);
    bed.ok(&sent, "t", 3600);
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// R3903-65: provisional responses change nothing but the interval of retransmissions.
#[test]
fn r3903_65_provisional() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 3600);
    let sent = bed.take();
    bed.respond(&sent, 183, "SIP-ETag: no\r\n");
    assert!(bed.reply(id).is_none());
    bed.run_to(3_900);
    bed.nothing_sent();
    bed.ok(&sent, "t", 3600);
    assert_eq!(bed.outcome(id).etag.as_deref(), Some("t"));
}

/// R3903-75: a server that has lost its state is filled again at once, at the paced rate, and what
/// applications ask goes first.
#[test]
fn r3903_75_lost_state_is_restored_at_the_paced_rate() {
    let pacing = Pacing {
        rate: 100,
        burst: 10,
        ..Pacing::default()
    };
    let mut bed = Bed::with(Config { pacing, ..config() });
    for n in 0..500 {
        bed.publish(&format!("sip:u{n}@example.com"), BODY, 36_000);
    }
    bed.ok_all("t", 3600);
    bed.run_to(1_000);
    // The first three to find out do so by what an application asks.
    for n in 0..3 {
        bed.publish(&format!("sip:u{n}@example.com"), "<n/>", 36_000);
    }
    let mut filled = std::collections::BTreeMap::new();
    let mut requests = std::collections::BTreeMap::new();
    let mut asked = 0;
    let mut served_at = 0;
    while filled.len() < 500 {
        for sent in bed.take_all() {
            *requests.entry(sent.at / 1000).or_insert(0) += 1;
            match sent.if_match() {
                Some(_) => bed.respond(&sent, 412, ""),
                None => {
                    if sent.body() == "<urgent/>" {
                        served_at = sent.at;
                    }
                    filled.insert(sent.start().to_owned(), sent.at);
                    bed.ok(&sent, "new", 3600);
                }
            }
        }
        if asked == 0 && filled.len() > 100 {
            asked = bed.now;
            bed.publish("sip:u499@example.com", "<urgent/>", 36_000);
            continue;
        }
        if let Some(due) = bed.agent.poll_timeout() {
            bed.now = bed.ms(due);
            bed.input(Input::Timeout);
        }
        assert!(bed.now < 60_000, "{} of 500 by then", filled.len());
    }
    assert_eq!(served_at, asked, "the application's change did not wait");
    // The rate counts requests: a refresh that is told 412, and what follows it, are two.
    for second in 2..9 {
        let count = requests[&second];
        assert!((80..=115).contains(&count), "{count} in second {second}");
    }
}

/// SEC-03: a server's reason phrase cannot break out of what we pass on.
#[test]
fn sec_03_reason_phrases_are_cleaned() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 3600);
    let sent = bed.take();
    let response = Bed::response(&sent, 403, "").replace("403 Reason", "403 No\x1b[2J\x07 way");
    bed.receive_from(sent.hop, &response);
    let outcome = bed.outcome(id);
    assert!(
        outcome.reason.chars().all(|c| !c.is_control()),
        "{:?}",
        outcome.reason
    );
    assert!(outcome.reason.starts_with("No"));
}

/// SEC-07: Retry-After cannot silence us for ever.
#[test]
fn sec_07_retry_after_is_capped() {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 1);
    command.lifetime = Lifetime::UntilFurtherNotice;
    let id = bed.command(Command::Publish(command));
    let sent = bed.take();
    bed.respond(&sent, 503, "Retry-After: 4294967295\r\n");
    assert_eq!(retry_at(&bed, id), 86_400_000);
}

/// R4320-01: a 408 from the wire is no more than a time-out.
#[test]
fn r4320_01_received_408() {
    let mut bed = Bed::new();
    bed.published(A, 3600, 3600);
    let id = bed.publish(A, "<new/>", 3600);
    let sent = bed.take();
    bed.respond(&sent, 408, "");
    assert_eq!(
        (bed.outcome(id).code, bed.outcome(id).origin),
        (408, FailureOrigin::Server)
    );
    let again = bed.run_to_next(4_001);
    assert_eq!((again.if_match(), again.body()), (Some("tag1"), "<new/>"));
}

/// R3261-056: loops and missing agreements are no reason to try again; a busy callee is.
#[test]
fn r3261_056_matrix() {
    for code in [482, 483, 494, 421] {
        let (bed, id) = answered(code, "");
        assert_eq!(bed.outcome(id).next, Next::Refused, "{code}");
    }
    for code in [480, 486, 600, 603] {
        let (bed, id) = answered(code, "Retry-After: 77\r\n");
        assert_eq!(retry_at(&bed, id), 77_000, "{code}");
    }
}

/// R3903-55: a Retry-After outlives the publication that was told it.
#[test]
fn r3903_55_retry_after_outlives_its_publication() {
    let (mut bed, _) = answered(503, "Retry-After: 20\r\n");
    bed.remove(A);
    assert!(!bed.holds(A));
    bed.publish("sip:b@example.com", BODY, 3600);
    bed.run_to(19_999);
    bed.nothing_sent();
    bed.run_to_next(20_001);
}
