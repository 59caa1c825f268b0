//! RFC 3261 §8.1.3.4: what becomes of a PUBLISH that is redirected.

mod bed;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";
const CONTACTS: &str = "Contact: <sip:b@192.0.2.2>;q=0.9, <sip:c@192.0.2.3>;q=0.5\r\n";

fn redirected() -> (Bed, u64, Sent) {
    let mut bed = Bed::new();
    let mut command = publish(A, BODY, 60);
    command.timeout = std::time::Duration::from_secs(120);
    let id = bed.command(Command::Publish(command));
    let sent = bed.take();
    bed.respond(&sent, 302, CONTACTS);
    let first = bed.take();
    assert_eq!(first.start(), "PUBLISH sip:b@192.0.2.2 SIP/2.0");
    (bed, id, first)
}

/// R3903-58: the next Contact when the first fails, whatever the failure.
#[test]
fn r3903_58_the_next_contact() {
    for code in [0, 1, 403, 404, 408, 480, 489, 500, 503] {
        let (mut bed, id, first) = redirected();
        match code {
            0 => bed.run_to(32_000),
            1 => bed.input(Input::Unreachable {
                hop: first.hop,
                connection: None,
                why: Unreachable::Refused,
            }),
            _ => bed.respond(&first, code, "Retry-After: 3600\r\n"),
        }
        let second = bed.take_all().pop().unwrap();
        assert_eq!(second.start(), "PUBLISH sip:c@192.0.2.3 SIP/2.0", "{code}");
        assert_eq!((second.body(), second.cseq()), (BODY, 3), "{code}");
        bed.ok(&second, "t", 60);
        assert_eq!(bed.outcome(id).code, 200, "{code}");
    }
}

/// The last word is told when there is no Contact left; and 6xx is a last word.
#[test]
fn r3903_58_the_last_word() {
    let (mut bed, id, first) = redirected();
    bed.respond(&first, 404, "");
    let second = bed.take();
    bed.respond(&second, 403, "");
    bed.nothing_sent();
    assert_eq!((bed.outcome(id).code, bed.outcome(id).next), (403, Next::Refused));
    for code in [600, 606] {
        let (mut bed, id, first) = redirected();
        bed.respond(&first, code, "");
        bed.nothing_sent();
        assert_eq!(
            (bed.outcome(id).code, bed.outcome(id).next),
            (code, Next::Refused)
        );
    }
}

/// R3903-44: the least Expires of where it leads is known there the next time.
#[test]
fn r3903_44_interval_too_brief_where_it_leads() {
    let (mut bed, id, first) = redirected();
    bed.respond(&first, 423, "Min-Expires: 300\r\n");
    let longer = bed.take();
    assert_eq!((longer.start(), longer.expires()), (first.start(), 300));
    bed.ok(&longer, "t", 300);
    assert_eq!(bed.outcome(id).code, 200);
    bed.command(Command::Refresh(target(A)));
    let sent = bed.take();
    assert_eq!(sent.expires(), 60);
    bed.respond(&sent, 302, CONTACTS);
    let again = bed.take();
    assert_eq!((again.start(), again.expires()), (first.start(), 300));
    bed.remove(A);
    bed.ok(&again, "t", 300);
    let sent = bed.take();
    bed.respond(&sent, 302, CONTACTS);
    assert_eq!(bed.take().expires(), 0);
}
