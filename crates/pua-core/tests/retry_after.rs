//! What a server's wish for quiet holds back, and what it does not (RFC 3261 §20.33, §21.5.4).

mod bed;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";

/// Answers whatever is sent until `end` with `answer`; how many requests there were.
fn requests(bed: &mut Bed, end: u64, mut answer: impl FnMut(&mut Bed, &Sent)) -> usize {
    let mut count = 0;
    loop {
        for sent in bed.take_all() {
            count += 1;
            answer(bed, &sent);
        }
        let Some(due) = bed
            .agent
            .poll_timeout()
            .map(|due| bed.ms(due))
            .filter(|due| *due <= end)
        else {
            bed.run_to(end);
            return count;
        };
        bed.run_to(due.max(bed.now));
        assert!(count < 10_000, "a storm");
    }
}

/// R3903-64, R3903-33, SEC-07: a Retry-After of next to nothing is no reason to ask without end.
#[test]
fn r3903_64_retry_after_of_nothing_makes_no_storm() {
    for code in [404, 408, 480, 486, 500, 503, 504, 600] {
        for seconds in [0, 1] {
            let row = format!("Retry-After: {seconds}\r\n");
            let mut bed = Bed::new();
            let id = bed.publish(A, BODY, 36_000);
            let count = requests(&mut bed, 600_000, |bed, sent| bed.respond(sent, code, &row));
            assert!(
                (2..20).contains(&count),
                "{code} {seconds}: {count} in ten minutes"
            );
            assert!(matches!(bed.outcome(id).next, Next::Retry { .. }));
        }
    }
}

/// R3903-64: the same for a removal.
#[test]
fn r3903_64_retry_after_of_nothing_for_a_removal() {
    for code in [480, 500, 503] {
        let mut bed = Bed::new();
        bed.published(A, 36_000, 36_000);
        bed.remove(A);
        let count = requests(&mut bed, 600_000, |bed, sent| {
            bed.respond(sent, code, "Retry-After: 0\r\n")
        });
        assert!((2..20).contains(&count), "{code}: {count} in ten minutes");
    }
}

/// R6665-38, R3903-64: and for a SUBSCRIBE, the first as one in a dialog.
#[test]
fn r6665_38_retry_after_of_nothing_makes_no_storm() {
    for code in [404, 480, 500, 503] {
        let mut bed = Bed::new();
        let (_, first) = bed.subscribe("presence", Lifetime::Seconds(36_000));
        bed.take_all();
        bed.respond(&first, code, "Retry-After: 0\r\n");
        let count = requests(&mut bed, 600_000, |bed, sent| {
            bed.respond(sent, code, "Retry-After: 0\r\n")
        });
        assert!((2..20).contains(&count), "{code}: {count} in ten minutes");
    }
    let mut bed = Bed::new();
    bed.subscribed("presence", Lifetime::Seconds(36_000));
    let sent = bed.run_to_next(36_000_000);
    bed.take_all();
    bed.respond(&sent, 500, "Retry-After: 0\r\n");
    let end = bed.now + 300_000;
    let count = requests(&mut bed, end, |bed, sent| {
        bed.respond(sent, 500, "Retry-After: 0\r\n")
    });
    assert!((2..20).contains(&count), "{count} in five minutes");
}

/// R3903-55: a command is held back by what the server asked for, not by our own patience.
#[test]
fn r3903_55_a_command_cuts_our_own_patience_short() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 36_000);
    requests(&mut bed, 100_000, |bed, sent| {
        bed.respond(sent, 480, "Retry-After: 2\r\n")
    });
    let retry_at = bed.ms(bed.view(A).retry_at.unwrap());
    assert!(retry_at > 103_000, "it has grown patient: {retry_at}");
    bed.publish(A, "<new/>", 36_000);
    let sent = bed.take();
    bed.respond(&sent, 480, "Retry-After: 2\r\n");
    let id = bed.publish(A, "<newer/>", 36_000);
    bed.run_to(101_999);
    bed.nothing_sent();
    let sent = bed.run_to_next(102_001);
    assert_eq!(sent.body(), "<newer/>");
    bed.ok(&sent, "t", 3600);
    assert_eq!(bed.outcome(id).code, 200);
}

/// R3903-55: one publication that is told 503 with Retry-After whenever it is sent starves no
/// other, be it a command, one that nobody waits for, or a refresh that is due.
#[test]
fn r3903_55_one_offender_starves_nobody() {
    let mut bed = Bed::new();
    for n in 0..5 {
        bed.publish(&format!("sip:held{n}@example.com"), BODY, 36_000);
    }
    bed.ok_all("held", 120);
    let answer = |bed: &mut Bed, sent: &Sent| match sent.start().contains("bad") {
        true => bed.respond(sent, 503, "Retry-After: 2\r\n"),
        false => bed.ok(sent, "t", 120),
    };
    for n in 0..8 {
        let now = bed.now;
        let mut command = publish(&format!("sip:bad{n}@example.com"), BODY, 36_000);
        command.wait = Wait::Accepted;
        bed.command(Command::Publish(command));
        requests(&mut bed, now + 2_500, answer);
    }
    let mut ids = Vec::new();
    let since = bed.now;
    for n in 0..40 {
        let mut command = publish(&format!("sip:good{n}@example.com"), BODY, 36_000);
        if n % 2 == 0 {
            command.wait = Wait::Accepted;
        }
        ids.push(bed.command(Command::Publish(command)));
    }
    requests(&mut bed, since + 8_000, answer);
    for n in 0..40 {
        assert_eq!(
            bed.state(&format!("sip:good{n}@example.com")),
            PublicationState::Published,
            "{n}"
        );
    }
    for id in ids.iter().skip(1).step_by(2) {
        assert_eq!(bed.outcome(*id).code, 200);
    }
    let before = bed.statistic("responses_5xx");
    requests(&mut bed, since + 600_000, answer);
    let offences = bed.statistic("responses_5xx") - before;
    for n in 0..5 {
        let held = bed.view(&format!("sip:held{n}@example.com"));
        assert!(held.expires_at.unwrap() > bed.at(bed.now), "refreshed in time");
    }
    assert!((8..8 * 12).contains(&offences), "{offences}");
}

/// R3903-55: even when the offender is told again and again, and longer than it would wait itself.
#[test]
fn r3903_55_a_patient_offender_goes_last() {
    let mut bed = Bed::new();
    bed.publish("sip:held@example.com", BODY, 36_000);
    bed.ok_all("held", 300);
    bed.publish("sip:bad@example.com", BODY, 36_000);
    let answer = |bed: &mut Bed, sent: &Sent| match sent.start().contains("bad") {
        true => bed.respond(sent, 503, "Retry-After: 20\r\n"),
        false => bed.ok(sent, "t", 300),
    };
    requests(&mut bed, 3_600_000, answer);
    assert_eq!(
        bed.statistic("publish_initial"),
        bed.statistic("responses_5xx") + 1,
        "never lost"
    );
    assert!(bed.statistic("responses_5xx") < 40);
}

/// R3903-21: what is wanted while a request fails is another question, and is asked at once; only
/// a wish of the server for quiet holds it back.
#[test]
fn r3903_21_a_newer_wish_after_a_failure() {
    for code in [404, 408, 480, 500, 503] {
        let mut bed = Bed::new();
        let old = bed.publish(A, "<old/>", 3600);
        let sent = bed.take();
        let new = bed.publish(A, "<new/>", 3600);
        bed.respond(&sent, code, "");
        assert_eq!(bed.outcome(old).code, code);
        let sent = bed.take();
        assert_eq!(sent.body(), "<new/>", "{code}");
        bed.ok(&sent, "t", 3600);
        assert_eq!(bed.outcome(new).code, 200);
    }
    let mut bed = Bed::new();
    bed.publish(A, "<old/>", 3600);
    let sent = bed.take();
    let patient = bed.publish(A, "<new/>", 3600);
    let mut command = publish(A, "<newer/>", 3600);
    command.timeout = std::time::Duration::from_secs(5);
    let impatient = bed.command(Command::Publish(command));
    bed.respond(&sent, 480, "Retry-After: 20\r\n");
    assert_eq!(
        bed.outcome(impatient).code,
        480,
        "who cannot wait is told at once"
    );
    bed.run_to(19_999);
    bed.nothing_sent();
    let sent = bed.run_to_next(20_001);
    assert_eq!(sent.body(), "<newer/>");
    bed.ok(&sent, "t", 3600);
    assert_eq!(bed.outcome(patient).code, 200);
}

fn to(uri: &str) -> Config {
    Config {
        presence_server: Some(Proxy { uri: uri.into() }),
        ..config()
    }
}

/// R3903-49, R3903-55: what one server asked for does not hold for its successor: after a reload
/// that names another, all that waits is tried there, at the paced rate.
#[test]
fn r3903_49_another_server_is_asked_at_once() {
    for (code, row) in [
        (503, "Retry-After: 3600\r\n"),
        (480, "Retry-After: 3600\r\n"),
        (404, ""),
        (500, ""),
    ] {
        let mut bed = Bed::new();
        bed.publish(A, BODY, 36_000);
        let sent = bed.take();
        bed.respond(&sent, code, row);
        bed.publish("sip:b@example.com", BODY, 36_000);
        let others = bed.take_all();
        bed.run_to(100);
        bed.input(Input::Configure(config()));
        bed.nothing_sent();
        bed.input(Input::Configure(to("sip:192.0.2.5")));
        bed.run_to(110);
        let all = bed.take_all();
        assert!(all.iter().any(|sent| sent.start().contains(A)), "{code}");
        assert!(
            all.iter()
                .all(|sent| sent.hop.to_string() == "udp:192.0.2.5:5060")
        );
        assert_eq!(all.len(), if others.is_empty() { 2 } else { 1 }, "{code}");
        // The old server's last word, to what was under way.
        for sent in others {
            bed.respond(&sent, code, row);
            bed.run_to(bed.now + 10);
            assert_eq!(bed.take().hop.to_string(), "udp:192.0.2.5:5060", "{code}");
        }
    }
}

/// R3903-55: the same for a command that names another proxy, unless that is the same server.
#[test]
fn r3903_55_another_proxy_is_asked_at_once() {
    for (code, row) in [(503, "Retry-After: 3600\r\n"), (404, "Retry-After: 3600\r\n")] {
        let mut bed = Bed::new();
        bed.publish(A, BODY, 36_000);
        let sent = bed.take();
        bed.respond(&sent, code, row);
        let mut command = publish(A, BODY, 36_000);
        command.proxy = Some(Proxy {
            uri: "sip:192.0.2.5".into(),
        });
        let id = bed.command(Command::Publish(command.clone()));
        let sent = bed.take();
        assert_eq!(sent.hop.to_string(), "udp:192.0.2.5:5060");
        bed.ok(&sent, "t", 3600);
        assert_eq!(bed.outcome(id).code, 200);
    }
    let mut bed = Bed::new();
    bed.publish(A, BODY, 36_000);
    let sent = bed.take();
    bed.respond(&sent, 503, "Retry-After: 20\r\n");
    let mut command = publish(A, BODY, 36_000);
    command.proxy = Some(Proxy {
        uri: "sip:192.0.2.1:5080;lr".into(),
    });
    bed.command(Command::Publish(command));
    bed.run_to(19_999);
    bed.nothing_sent();
    bed.run_to_next(20_001);
}

fn by_domain(servers: &[&str]) -> (Bed, u64) {
    let mut bed = Bed::by_domain();
    let id = bed.publish(A, BODY, 36_000);
    bed.resolve("example.com", servers);
    (bed, id)
}

/// R3263-07: when all servers are told 503, the smallest wait is told and kept.
#[test]
fn r3263_07_the_smallest_retry_after() {
    for waits in [[20, 3600, 600], [3600, 20, 600], [3600, 600, 20]] {
        let (mut bed, id) = by_domain(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        let soonest = bed.all_want_quiet(&waits);
        let outcome = bed.outcome(id);
        assert_eq!((outcome.code, outcome.retry_after), (503, Some(20)));
        assert_eq!(outcome.next, Next::Retry { at: bed.at(20_000) });
        bed.run_to(19_999);
        bed.nothing_sent();
        assert_eq!(bed.run_to_next(20_001).hop, soonest);
    }
}

/// R3263-07: a server that merely did not answer is tried again after our own back-off, whatever
/// the others have asked for; also for who comes new.
#[test]
fn r3263_07_a_dead_server_beside_those_that_want_quiet() {
    for dead in 0..2 {
        let (mut bed, id) = by_domain(&["192.0.2.1", "192.0.2.2"]);
        for n in 0..2 {
            let sent = bed.take();
            if n == dead {
                bed.undelivered(&sent, Unreachable::Refused);
            } else {
                bed.respond(&sent, 503, "Retry-After: 3600\r\n");
            }
        }
        let dead = format!("udp:192.0.2.{}:5060", dead + 1);
        assert_eq!((bed.outcome(id).code, bed.outcome(id).retry_after), (503, None));
        bed.publish("sip:b@example.com", BODY, 36_000);
        assert_eq!(bed.take().hop.to_string(), dead);
        assert_eq!(bed.run_to_next(4_001).hop.to_string(), dead);
    }
}

/// R3903-64: nor is one that is told 503 without a Retry-After sent whenever another is answered.
#[test]
fn r3903_64_answers_to_others_do_not_wake_an_offender() {
    let mut bed = Bed::new();
    bed.publish("sip:bad@example.com", BODY, 36_000);
    let answer = |bed: &mut Bed, sent: &Sent| match sent.start().contains("bad") {
        true => bed.respond(sent, 503, ""),
        false => bed.ok(sent, "t", 3600),
    };
    for n in 0..600 {
        bed.publish(A, &n.to_string(), 36_000);
        let now = bed.now;
        requests(&mut bed, now + 1_000, answer);
    }
    let offences = bed.statistic("responses_5xx");
    assert!((4..20).contains(&offences), "{offences} in ten minutes");
}
