//! Resource lists, partial documents and conditional refreshes (groups B.6, B.9, B.10; R6665-102):
//! what notifiers tell in parts is whole to the application, and asked for when a part is missing.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::Bed;
use bed::Sent;
use bed::notifier::{CLOSED, Notify, OPEN, subscribe, subscription};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;
const RELATED: &str = "multipart/related;type=\"application/rlmi+xml\";start=\"<root@x>\";boundary=\"b\"";

fn pidf(entity: &str, basic: &str) -> String {
    format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='{entity}'><tuple id='t'><status><basic>{basic}</basic></status></tuple></presence>"
    )
}

/// One resource of a list: its URI, the state of its instance, and its document.
type Entry<'a> = (&'a str, &'a str, Option<&'a str>);

/// A list's NOTIFY body.
fn rlmi(version: u32, full: bool, entries: &[Entry<'_>]) -> String {
    let mut resources = String::new();
    let mut parts = String::new();
    for (n, (uri, state, basic)) in entries.iter().enumerate() {
        resources.push_str(&format!("<resource uri='{uri}'>"));
        if !state.is_empty() {
            let cid = basic.map_or(String::new(), |_| format!(" cid='c{n}@x'"));
            resources.push_str(&format!("<instance id='i' state='{state}'{cid}/>"));
        }
        resources.push_str("</resource>");
        if let Some(basic) = basic {
            parts.push_str(&format!(
                "--b\r\nContent-Type: application/pidf+xml\r\nContent-ID: <c{n}@x>\r\n\r\n{}\r\n",
                pidf(uri, basic)
            ));
        }
    }
    format!(
        "--b\r\nContent-Type: application/rlmi+xml\r\nContent-ID: <root@x>\r\n\r\n<list xmlns='urn:ietf:params:xml:ns:rlmi' uri='sip:a@example.com' version='{version}' fullState='{full}'>{resources}</list>\r\n{parts}--b--\r\n"
    )
}

fn list(sent: &Sent, cseq: u32, version: u32, full: bool, entries: &[Entry<'_>]) -> Notify {
    Notify::new(sent, "n", cseq, "active;expires=600")
        .with("Require: eventlist\r\n")
        .body(RELATED, &rlmi(version, full, entries))
}

/// The states told since the last look: resource, its state in the list, whether open.
fn told(bed: &mut Bed) -> Vec<(String, String, String)> {
    std::mem::take(&mut bed.events)
        .into_iter()
        .filter_map(|event| match event {
            Event::State { state, .. } => {
                let body = String::from_utf8_lossy(&state.body).into_owned();
                let member = state.member.unwrap();
                let basic = ["open", "closed"].iter().find(|word| body.contains(**word));
                Some((
                    state.resource.to_string(),
                    member.state.map(|state| state.to_string()).unwrap_or_default(),
                    basic.copied().unwrap_or("").to_owned(),
                ))
            }
            _ => None,
        })
        .collect()
}

fn listed() -> (Bed, Sent) {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let entries: &[Entry<'_>] = &[
        ("sip:b@d", "active", Some("open")),
        ("sip:c@d", "pending", None),
        ("sip:e@d", "", None),
    ];
    assert_eq!(bed.notify(&list(&sent, 1, 0, true, entries)), 200);
    (bed, sent)
}

/// R4662-01, R4662-03, R4662-07: offered; each member is told by its own URI.
#[test]
fn r4662_07_members() {
    let (mut bed, sent) = listed();
    assert!(sent.header("Accept").unwrap().contains("multipart/related"));
    assert!(sent.header("Accept").unwrap().contains("application/rlmi+xml"));
    let row = |uri: &str, state: &str, basic: &str| (uri.to_owned(), state.to_owned(), basic.to_owned());
    assert_eq!(
        told(&mut bed),
        [
            row("sip:b@d", "active", "open"),
            row("sip:c@d", "pending", ""),
            row("sip:e@d", "", "")
        ]
    );
    assert_eq!(bed.agent.states(Some("sip:b@d")).len(), 1);
    assert_eq!(bed.agent.states_of(&subscription("presence")).len(), 3);
    // R4662-07: one member's end is no reason to subscribe anew.
    let gone: &[Entry<'_>] = &[("sip:c@d", "terminated", None)];
    assert_eq!(bed.notify(&list(&sent, 2, 1, false, gone)), 200);
    assert_eq!(told(&mut bed), [row("sip:c@d", "terminated", "")]);
    bed.nothing_sent();
}

/// R4662-05: a full state replaces the table; an old one does nothing.
#[test]
fn r4662_05_full_state() {
    let (mut bed, sent) = listed();
    bed.events.clear();
    let entries: &[Entry<'_>] = &[("sip:b@d", "active", Some("closed"))];
    assert_eq!(bed.notify(&list(&sent, 2, 5, true, entries)), 200);
    let mut changes = told(&mut bed);
    changes.sort();
    assert_eq!(changes.len(), 3, "b has changed, c and e are gone: {changes:?}");
    assert_eq!(bed.agent.states_of(&subscription("presence")).len(), 1);
    let older: &[Entry<'_>] = &[("sip:x@d", "active", Some("open"))];
    assert_eq!(bed.notify(&list(&sent, 3, 5, true, older)), 200);
    assert_eq!(bed.notify(&list(&sent, 4, 4, true, older)), 200);
    assert!(told(&mut bed).is_empty());
    assert!(bed.agent.states(Some("sip:x@d")).is_empty());
    bed.nothing_sent();
}

/// R4662-06: the next part is taken, an old one not, and after a gap the whole is asked for.
#[test]
fn r4662_06_partial_state() {
    let (mut bed, sent) = listed();
    bed.events.clear();
    assert_eq!(
        bed.notify(&list(&sent, 2, 1, false, &[("sip:c@d", "active", Some("open"))])),
        200
    );
    assert_eq!(told(&mut bed).len(), 1);
    assert_eq!(
        bed.notify(&list(
            &sent,
            3,
            1,
            false,
            &[("sip:c@d", "active", Some("closed"))]
        )),
        200
    );
    assert!(told(&mut bed).is_empty());
    bed.nothing_sent();
    assert_eq!(
        bed.notify(&list(
            &sent,
            4,
            4,
            false,
            &[("sip:b@d", "active", Some("closed"))]
        )),
        200
    );
    assert_eq!(told(&mut bed).len(), 1);
    let refresh = bed.next_sent(6_000);
    assert!(refresh.expires() > 0 && refresh.header("To").unwrap().ends_with("tag=n"));
    assert_eq!(bed.statistic("version_gaps"), 1);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    let all: &[Entry<'_>] = &[
        ("sip:b@d", "active", Some("closed")),
        ("sip:c@d", "active", Some("open")),
    ];
    assert_eq!(bed.notify(&list(&sent, 5, 5, true, all)), 200);
    bed.run_to(60_000);
    bed.nothing_sent();
}

/// R4662-03, R6665-92: one member's broken document is told, the others are taken.
#[test]
fn r4662_03_one_broken_member() {
    let (mut bed, sent) = listed();
    bed.events.clear();
    let entries: &[Entry<'_>] = &[
        ("sip:b@d", "active", Some("closed")),
        ("sip:c@d", "active", Some("open")),
    ];
    let body = rlmi(1, false, entries).replacen(&pidf("sip:c@d", "open"), "<presence", 1);
    let notify = Notify::new(&sent, "n", 2, "active;expires=600").body(RELATED, &body);
    assert_eq!(bed.notify(&notify), 200);
    let unreadable: Vec<&String> = bed
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Unreadable { why, .. } => Some(why),
            _ => None,
        })
        .collect();
    assert!(
        unreadable.len() == 1 && unreadable[0].starts_with("sip:c@d"),
        "{unreadable:?}"
    );
    assert_eq!(bed.statistic("documents_unreadable"), 1);
    assert!(
        told(&mut bed)
            .iter()
            .any(|(uri, _, basic)| uri == "sip:b@d" && basic == "closed")
    );
}

/// CCONF-02: a conference that is over is watched no more.
#[test]
fn cconf_02_a_conference_is_over() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("conference", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let conference = |cseq: u32, version: u32, state: &str| {
        let body = format!(
            "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:a@example.com' state='{state}' version='{version}'/>"
        );
        Notify::new(&sent, "n", cseq, "active;expires=600").body("application/conference-info+xml", &body)
    };
    assert_eq!(bed.notify(&conference(1, 1, "full")), 200);
    bed.nothing_sent();
    assert_eq!(bed.notify(&conference(2, 2, "deleted")), 200);
    let end = bed.take();
    assert_eq!(end.expires(), 0);
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.end(&sent, "n", 3, "timeout");
    bed.run_to(4_000_000);
    bed.nothing_sent();
    bed.nothing_left();
}

/// R4662-03, R4662-04: parts that are missing, lists without a version, nonsense: told as unreadable,
/// and what was known stays.
#[test]
fn r4662_03_04_broken_lists() {
    let broken = [
        rlmi(1, true, &[]).replace("version='1'", ""),
        rlmi(1, true, &[]).replace("fullState='true'", ""),
        rlmi(1, true, &[]).replace("uri='sip:a@example.com'", ""),
        "--b--".to_owned(),
        "--b\r\nContent-Type: application/rlmi+xml\r\n\r\n<list".to_owned(),
        "no boundary at all".to_owned(),
    ];
    for body in broken {
        let (mut bed, sent) = listed();
        bed.events.clear();
        let notify = Notify::new(&sent, "n", 2, "active;expires=600").body(RELATED, &body);
        assert_eq!(bed.notify(&notify), 200, "{body}");
        let unreadable = bed
            .events
            .iter()
            .any(|event| matches!(event, Event::Unreadable { .. }));
        assert!(unreadable, "{body}");
        assert_eq!(bed.agent.states_of(&subscription("presence")).len(), 3);
        assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    }
    // Hundreds of members, and parts that nobody refers to.
    let uris: Vec<String> = (0..700).map(|n| format!("sip:u{n}@d")).collect();
    let many: Vec<Entry<'_>> = uris.iter().map(|uri| (&**uri, "pending", None)).collect();
    let (mut bed, sent) = listed();
    assert_eq!(bed.notify(&list(&sent, 2, 1, true, &many)), 200);
}

fn dialog_info(version: u32, state: &str, dialogs: &str) -> String {
    format!(
        "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='{version}' state='{state}' entity='sip:a@example.com'>{dialogs}</dialog-info>"
    )
}

const CALL: &str = "<dialog id='1'><state>confirmed</state></dialog>";

/// R6665-102, CDLG-02: a part of dialog state is missed: the whole is asked for, soon but not in a
/// loop; the versions of one dialog usage mean nothing to another.
#[test]
fn r6665_102_gap_in_dialog_info() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("dialog", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let notify = |cseq: u32, version: u32, state: &str, dialogs: &str| {
        Notify::new(&sent, "n", cseq, "active;expires=600").body(
            "application/dialog-info+xml",
            &dialog_info(version, state, dialogs),
        )
    };
    assert_eq!(bed.notify(&notify(1, 1, "full", "")), 200);
    assert_eq!(bed.notify(&notify(2, 2, "partial", CALL)), 200);
    bed.nothing_sent();
    assert_eq!(bed.notify(&notify(3, 4, "partial", CALL)), 200);
    let refresh = bed.next_sent(6_000);
    assert!(refresh.expires() > 0);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    // A notifier that answers with a gap each time.
    let mut version = 10;
    let from = bed.now;
    let mut cseq = 4;
    while bed.now < from + 60_000 {
        version += 10;
        assert_eq!(bed.notify(&notify(cseq, version, "partial", CALL)), 200);
        cseq += 1;
        bed.run_to(bed.now + 1_000);
        for refresh in bed.take_all() {
            bed.respond(&refresh, 200, "Expires: 600\r\n");
        }
    }
    let sent_since = bed.statistic("subscribe_refresh");
    assert!((5..=15).contains(&sent_since), "{sent_since} in a minute");
    // Broken: the same.
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("reg", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let reg = |cseq: u32, body: &str| {
        Notify::new(&sent, "n", cseq, "active;expires=600").body("application/reginfo+xml", body)
    };
    let full = "<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='0' state='full'/>";
    assert_eq!(bed.notify(&reg(1, full)), 200);
    assert_eq!(bed.notify(&reg(2, "<reginfo")), 200);
    assert!(bed.next_sent(6_000).expires() > 0);
}

/// R3857-02, R3857-03: watchers come in parts; unknown words are kept; a gap is asked about.
#[test]
fn r3857_03_watchers() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence.winfo", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let winfo = |cseq: u32, version: u32, state: &str, status: &str, event: &str| {
        let body = format!(
            "<watcherinfo xmlns='urn:ietf:params:xml:ns:watcherinfo' version='{version}' state='{state}'><watcher-list resource='sip:a@example.com' package='presence'><watcher id='w{cseq}' status='{status}' event='{event}'>sip:w{cseq}@d</watcher></watcher-list></watcherinfo>"
        );
        Notify::new(&sent, "n", cseq, "active;expires=600").body("application/watcherinfo+xml", &body)
    };
    assert_eq!(bed.notify(&winfo(1, 0, "full", "pending", "subscribe")), 200);
    assert_eq!(bed.notify(&winfo(2, 1, "partial", "waiting", "timeout")), 200);
    assert_eq!(bed.notify(&winfo(3, 2, "partial", "x-odd", "x-event")), 200);
    let state = &bed.agent.states_of(&subscription("presence.winfo"))[0];
    let whole = state.state.document.as_ref().unwrap().to_json().to_string();
    for word in ["sip:w1@d", "sip:w2@d", "sip:w3@d", "waiting", "x-odd", "x-event"] {
        assert!(whole.contains(word), "{word}: {whole}");
    }
    bed.nothing_sent();
    assert_eq!(bed.notify(&winfo(4, 9, "partial", "active", "approved")), 200);
    assert!(bed.next_sent(6_000).expires() > 0);
}

/// R6665-102: the same versions in a new dialog are new; what was known holds until it speaks.
#[test]
fn r6665_102_versions_of_a_new_dialog() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("dialog", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let body = dialog_info(7, "full", CALL);
    let notify = Notify::new(&sent, "n", 1, "active;expires=600").body("application/dialog-info+xml", &body);
    assert_eq!(bed.notify(&notify), 200);
    bed.end(&sent, "n", 2, "deactivated");
    let again = bed.take();
    assert_eq!(bed.agent.states_of(&subscription("dialog")).len(), 1);
    bed.respond(&again, 200, "Expires: 600\r\n");
    let body = dialog_info(0, "full", "");
    let notify = Notify::new(&again, "m", 1, "active;expires=600").body("application/dialog-info+xml", &body);
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.told().len(), 2);
    bed.run_to(20_000);
    bed.nothing_sent();
}

/// R5839-01, R5839-02: the tag of the last NOTIFY goes back byte for byte; 204 keeps everything.
#[test]
fn r5839_01_02_conditional_refresh() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    assert_eq!(sent.header("Suppress-If-Match"), None);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let tag = "dx200-._!%*+`'~";
    let notify = Notify::new(&sent, "n", 1, "active;expires=600")
        .pidf(OPEN)
        .with(&format!("SIP-ETag: {tag}\r\n"));
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.all("Suppress-If-Match"), [tag]);
    bed.respond(&refresh, 204, "Expires: 600\r\n");
    bed.run_to(refresh.at + 100_000);
    bed.nothing_sent();
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    assert_eq!(bed.agent.states(None).len(), 1);
    // A command is answered by it, with what is known.
    let id = bed.command(Command::Subscribe(subscribe("presence", EVER)));
    let refresh = bed.take();
    bed.respond(&refresh, 204, "Expires: 600\r\n");
    assert_eq!(&bed.subscription_outcome(id).states[0].body[..], OPEN.as_bytes());
    // R5839-03: without a body but with the tag: what is known is right.
    let id = bed.fetch("presence");
    let refresh = bed.take();
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    let same = Notify::new(&sent, "n", 2, "active;expires=600").with(&format!("SIP-ETag: {tag}\r\n"));
    assert_eq!(bed.notify(&same), 200);
    assert_eq!(&bed.subscription_outcome(id).states[0].body[..], OPEN.as_bytes());
    // An end is not conditional, and 204 to it is the end.
    let id = bed.unsubscribe("presence");
    let end = bed.take();
    assert_eq!(end.header("Suppress-If-Match"), None);
    bed.respond(&end, 204, "Expires: 0\r\n");
    assert_eq!(bed.subscription_outcome(id).code, 200);
    bed.nothing_left();
}

/// R5839-01: never the tag of a state that is not ours: the last NOTIFY had none, could not be
/// read, or came in another dialog.
#[test]
fn r5839_01_no_stale_tag() {
    for case in ["none", "unreadable", "another dialog"] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        let first = Notify::new(&sent, "n", 1, "active;expires=600")
            .pidf(OPEN)
            .with("SIP-ETag: one\r\n");
        assert_eq!(bed.notify(&first), 200);
        let mut call = sent.clone();
        match case {
            "none" => {
                assert_eq!(
                    bed.notify(&Notify::new(&sent, "n", 2, "active;expires=600").pidf(CLOSED)),
                    200
                );
            }
            "unreadable" => {
                let broken = Notify::new(&sent, "n", 2, "active;expires=600")
                    .pidf("<")
                    .with("SIP-ETag: two\r\n");
                assert_eq!(bed.notify(&broken), 200);
            }
            _ => {
                bed.end(&sent, "n", 2, "deactivated");
                call = bed.take();
                assert_eq!(call.header("Suppress-If-Match"), None);
                bed.respond(&call, 200, "Expires: 600\r\n");
                assert_eq!(bed.notify(&Notify::new(&call, "m", 1, "active;expires=600")), 200);
            }
        }
        let refresh = bed.run_to_next(600_000);
        assert_eq!(refresh.header("Call-ID"), call.header("Call-ID"));
        assert_eq!(refresh.header("Suppress-If-Match"), None, "{case}");
    }
}

/// The state of one presentity is found in the subscriptions to it and in all lists of which it is
/// a member, however it is written; not in lists that are over.
#[test]
fn a_state_is_found_in_its_own_subscription_and_in_its_lists() {
    let (mut bed, sent) = listed();
    let mut subscribed = |presentity: &str| {
        let command = Subscribe {
            name: SubscriptionName {
                presentity: presentity.into(),
                ..subscription("presence")
            },
            ..subscribe("presence", EVER)
        };
        bed.command(Command::Subscribe(command));
        let sent = bed.take();
        bed.respond(&sent, 200, "Expires: 600\r\n");
        sent
    };
    let single = subscribed("sip:b@d");
    let other = subscribed("sip:x@d");
    let second = subscribed("sip:list@d");
    for sent in [&single, &other] {
        let notify = Notify::new(sent, "n", 1, "active;expires=600").pidf(OPEN);
        assert_eq!(bed.notify(&notify), 200);
    }
    let entries: &[Entry<'_>] = &[("sip:%62@D", "active", Some("closed"))];
    assert_eq!(bed.notify(&list(&second, 1, 0, true, entries)), 200);
    let found = |bed: &Bed, uri: &str| -> Vec<String> {
        let states = bed.agent.states(Some(uri));
        states
            .iter()
            .map(|state| state.name.presentity.to_string())
            .collect()
    };
    let (a, b, x, l) = ("sip:a@example.com", "sip:b@d", "sip:x@d", "sip:list@d");
    assert_eq!(found(&bed, "sip:b@d"), [a, b, l]);
    assert_eq!(found(&bed, "sip:b@D;unknown=1"), [a, b, l]);
    assert_eq!(found(&bed, x), [x]);
    assert_eq!(found(&bed, a), [a, a, a], "a list by its own URI: all of it");
    assert!(found(&bed, "sip:nobody@d").is_empty() && found(&bed, "no uri").is_empty());
    assert_eq!(bed.agent.states(None).len(), 6);
    bed.end(&sent, "n", 9, "rejected");
    bed.unsubscribe("presence");
    assert!(!bed.subscribed_to("presence"));
    assert_eq!(found(&bed, "sip:b@d"), [b, l]);
    // Its place is another's now, who is no list.
    let next = bed.subscribe("presence", EVER).1;
    bed.respond(&next, 200, "Expires: 600\r\n");
    assert_eq!(
        bed.notify(&Notify::new(&next, "m", 1, "active;expires=600").pidf(OPEN)),
        200
    );
    assert_eq!(found(&bed, "sip:b@d"), [b, l]);
    assert_eq!(found(&bed, a), [a]);
}

/// R6665-91, R6665-92: a part of a type that was not accepted is told as unreadable; the state stays.
#[test]
fn r6665_91_parts_of_another_type_are_unreadable() {
    let (mut bed, sent) = listed();
    bed.events.clear();
    let entries: &[Entry<'_>] = &[("sip:b@d", "active", Some("closed"))];
    let wrong = rlmi(1, false, entries).replace("application/pidf+xml", "text/html");
    let notify = Notify::new(&sent, "n", 2, "active;expires=600").body(RELATED, &wrong);
    assert_eq!(bed.notify(&notify), 200);
    let unreadable = |bed: &Bed| {
        let unreadable = bed
            .events
            .iter()
            .filter(|event| matches!(event, Event::Unreadable { .. }));
        unreadable.count()
    };
    assert_eq!(unreadable(&bed), 1);
    assert!(told(&mut bed).iter().all(|(_, _, basic)| basic != "closed"));
    let root = "--b\r\nContent-Type: text/html\r\n\r\n<html/>\r\n--b--\r\n";
    let notify = Notify::new(&sent, "n", 3, "active;expires=600").body("multipart/related;boundary=b", root);
    bed.events.clear();
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(unreadable(&bed), 1);
    assert!(told(&mut bed).is_empty());
}
