//! What needs TLS, which there is not yet, never goes out in clear (RFC 3261 §8.1.2, §26.2.2;
//! RFC 5630 §4).

mod bed;

use bed::notifier::{Notify, subscribe, subscription};
use bed::{Bed, Sent, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

fn asked(change: impl FnOnce(&mut Subscribe)) -> Bed {
    let mut bed = Bed::new();
    let mut command = subscribe("presence", EVER);
    change(&mut command);
    let id = bed.command(Command::Subscribe(command.clone()));
    let fetch = bed.command(Command::Fetch(command));
    for id in [id, fetch] {
        match bed.reply(id) {
            Some(Reply::Refused(Refusal::BadPresentity(why) | Refusal::BadWatcher(why))) => {
                assert!(why.contains("TLS"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    bed.nothing_sent();
    bed
}

/// R3261-043, R5630-01: a SUBSCRIBE about `sips`, from it or with a list of it, is refused.
#[test]
fn r3261_043_a_subscribe_of_sips_is_refused() {
    asked(|command| command.name.presentity = "sips:a@example.com".into());
    asked(|command| command.name.presentity = "SIPS:a@example.com".into());
    asked(|command| command.name.watcher = "sips:w@example.com".into());
    asked(|command| command.members = ["sip:b@example.com".into(), "sips:c@example.com".into()].into());
}

/// What a NOTIFY with these is answered; with nothing sent by any way after a refusal.
fn notified(bed: &mut Bed, sent: &Sent, cseq: u32, contact: &str, rows: &str) -> u16 {
    let notify = Notify::new(sent, "n", cseq, "active;expires=600");
    bed.notify(&notify.contact(contact).with(rows))
}

/// R3261-043, SEC-15: a NOTIFY whose dialog would need TLS makes none: its refreshes would go in
/// clear.
#[test]
fn r3261_043_a_dialog_that_needs_tls_is_not_made() {
    for (contact, rows) in [
        ("<sips:n@192.0.2.1:5061>", ""),
        ("<sip:n@192.0.2.1:5061;transport=tls>", ""),
        ("<sip:n@192.0.2.1:5061;transport=TLS>", ""),
        ("<sips:n@192.0.2.1>", "Record-Route: <sip:192.0.2.5;lr>\r\n"),
        ("<sip:n@192.0.2.1>", "Record-Route: <sips:192.0.2.5;lr>\r\n"),
        (
            "<sip:n@192.0.2.1>",
            "Record-Route: <sip:192.0.2.5;transport=tls;lr>\r\n",
        ),
    ] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        assert_eq!(
            notified(&mut bed, &sent, 1, contact, rows),
            400,
            "{contact} {rows}"
        );
        assert!(bed.responses.last().unwrap().start().contains("TLS"));
        assert!(bed.subscription("presence").dialogs.is_empty());
    }
    // The end of a subscription is one: nothing is sent in it.
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    let end = Notify::new(&sent, "n", 1, "terminated;reason=rejected").contact("<sips:n@192.0.2.1>");
    assert_eq!(bed.notify(&end), 200);
}

/// R3261-043: neither does a later NOTIFY, or the answer to a refresh, move a dialog to where it
/// would need TLS.
#[test]
fn r3261_043_a_dialog_does_not_move_to_tls() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    assert_eq!(notified(&mut bed, &sent, 2, "<sips:n@192.0.2.1>", ""), 400);
    let refresh = bed.run_to_next(600_000);
    assert!(refresh.start().starts_with("SUBSCRIBE sip:n@192.0.2.1:5080 "));
    bed.respond(&refresh, 200, "Expires: 600\r\nContact: <sips:n@192.0.2.1>\r\n");
    assert_eq!(
        &*bed.subscription("presence").dialogs[0].remote_target,
        "sip:n@192.0.2.1:5080"
    );
}

/// R3261-043: a route set that leads to a proxy by TLS is one as well when dialogs go through ours,
/// and a target by TLS only where the proxy takes it from us in clear knowingly.
#[test]
fn r3261_043_through_the_proxy() {
    let mut config = config();
    config.subscribe.dialogs_through_proxy = true;
    for (contact, code) in [
        ("<sips:n@192.0.2.1>", 400),
        ("<sip:n@192.0.2.1;transport=tls>", 200),
    ] {
        let mut bed = Bed::with(config.clone());
        let (_, sent) = bed.subscribe("presence", EVER);
        assert_eq!(notified(&mut bed, &sent, 1, contact, ""), code);
    }
}

/// R3261-043: a dialog in the store that needs TLS is not taken up.
#[test]
fn r3261_043_a_stored_dialog_that_needs_tls_is_not_taken_up() {
    let mut bed = Bed::new();
    bed.subscribed("presence", EVER);
    for change in &mut bed.changes {
        if let Change::Dialogs { dialogs, .. } = change {
            for dialog in dialogs {
                dialog.target = "sips:n@192.0.2.1".into();
            }
        }
    }
    bed.restart(1000, config());
    let anew = bed.next_sent(60_000);
    assert!(!anew.header("To").unwrap().contains("tag="), "{}", anew.text());
    assert!(anew.start().starts_with("SUBSCRIBE sip:a@example.com "));
    assert!(bed.agent.subscription(&subscription("presence")).is_some());
}
