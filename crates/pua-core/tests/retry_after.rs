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
