//! NOTIFYs that come in (group B.4): which are taken, which refused, and what each is answered.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{CLOSED, Notify, OPEN};
use bed::{Bed, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

/// R6665-70, R6665-94: what nobody asked for makes no state, however it looks.
#[test]
fn r6665_70_unsolicited() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let before = bed.events.len();
    let ours = Notify::new(&sent, "n", 2, "active;expires=600").pidf(OPEN).text();
    let call_id = sent.header("Call-ID").unwrap();
    for n in 0..1000 {
        let text = ours
            .replace(call_id, &format!("guess{n}"))
            .replace("branch=z9hG4bKn2", &format!("branch=z9hG4bKg{n}"));
        bed.receive_from(sent.hop, &text);
        assert_eq!(bed.answer_code(), 481);
    }
    assert_eq!(bed.events.len(), before);
    assert_eq!(bed.statistic("subscriptions"), 1);
    assert_eq!(bed.statistic("dialogs"), 1);
    // Each is answered once, with no more than came in.
    assert_eq!(bed.responses.len(), 1001);
    assert!(
        bed.responses
            .iter()
            .all(|response| response.bytes.len() < ours.len())
    );
    bed.nothing_sent();
    // R6665-70: nothing known is not "closed".
    let (_, _) = bed.subscribe("dialog", EVER);
    assert!(
        bed.agent
            .states_of(&bed::notifier::subscription("dialog"))
            .is_empty()
    );
}

/// R6665-71: a package that this dialog is not about; one that we never heard of.
#[test]
fn r6665_71_bad_event() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    for (n, event) in ["foo", "dialog", "presence.winfo"].iter().enumerate() {
        let notify = Notify::new(&sent, "n", 10 + n as u32, "active;expires=600").event(event);
        assert_eq!(bed.notify(&notify), 489, "{event}");
    }
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 2, "active;expires=600").pidf(OPEN)),
        200
    );
    assert_eq!(bed.told().len(), 1);
}

/// R6665-73, R6665-74: the headers that must be there, once.
#[test]
fn r6665_73_74_headers() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let fine = Notify::new(&sent, "n", 2, "active;expires=600").pidf(OPEN);
    let missing = Notify {
        state: None,
        ..fine.clone()
    };
    assert_eq!(bed.notify(&missing), 400);
    assert!(
        bed.responses
            .last()
            .unwrap()
            .start()
            .contains("Missing Subscription-State")
    );
    let other = |n: &str| Notify {
        branch: format!("z9hG4bK{n}"),
        ..fine.clone()
    };
    assert_eq!(
        bed.notify(&other("a").with("Subscription-State: pending\r\n")),
        400
    );
    assert_eq!(bed.notify(&other("b").with("Event: presence\r\n")), 400);
    assert_eq!(bed.notify(&other("c").event("")), 400);
    assert!(bed.told().is_empty());
    assert_eq!(bed.notify(&other("d")), 200);
    let compact = Notify {
        cseq: 3,
        event: String::new(),
        ..other("e")
    }
    .with("o: presence\r\n");
    assert_eq!(bed.notify(&compact), 200);
    assert_eq!(bed.told().len(), 2);
    // The switch for old notifiers.
    let mut config = config();
    config.subscribe.lenient_state = true;
    let mut bed = Bed::with(config);
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let old = Notify {
        state: None,
        ..Notify::new(&sent, "n", 1, "")
    }
    .pidf(OPEN);
    assert_eq!(bed.notify(&old), 200);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
}

/// R6665-74, R3261-013: every header in its compact form, in odd case and folded.
#[test]
fn r6665_74_compact_forms() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    let text = Notify::new(&sent, "n", 1, "active;expires=600").pidf(OPEN).text();
    let mut text = text.replacen("Max-Forwards: 70\r\n", "MAX-FORWARDS:70\r\n", 1);
    for (long, short) in [
        ("Via: ", "v: "),
        ("From: ", "f:"),
        ("To: ", "t :  "),
        ("Call-ID: ", "i: "),
        ("Contact: ", "M: "),
        ("Event: ", "O: "),
        ("Content-Type: ", "c:\r\n "),
        ("Content-Length: ", "L: "),
        ("Subscription-State: ", "SUBSCRIPTION-STATE :\r\n\t"),
    ] {
        assert!(text.contains(&format!("\r\n{long}")), "{long}");
        text = text.replacen(&format!("\r\n{long}"), &format!("\r\n{short}"), 1);
    }
    bed.receive_from(sent.hop, &text);
    assert_eq!(bed.answer_code(), 200);
    assert_eq!(bed.told(), [(OPEN.to_owned(), true)]);
    assert_eq!(
        bed.subscription("presence").dialogs[0].remote_target.as_ref(),
        "sip:n@192.0.2.1:5080"
    );
}

/// R6665-75: lower and equal numbers are refused, gaps are not; a refused one does not count.
#[test]
fn r6665_75_numbers() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    for (n, (cseq, code)) in [
        (0u32, 200),
        (0, 500),
        (5, 200),
        (5, 500),
        (1_000_000, 200),
        (999_999, 500),
        (4_294_967_295, 200),
        (1, 500),
    ]
    .into_iter()
    .enumerate()
    {
        let notify = Notify::new(&sent, "n", cseq, "active;expires=600").pidf(OPEN);
        let notify = Notify {
            branch: format!("z9hG4bK{n}"),
            ..notify
        };
        assert_eq!(bed.notify(&notify), code, "{cseq}");
    }
    assert_eq!(bed.told().len(), 4);
}

/// R6665-76, R3261-087: a repetition gets the same bytes and is told once, also after 481 or 415.
#[test]
fn r6665_76_repetitions() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    let fine = Notify::new(&sent, "n", 1, "active;expires=600").pidf(OPEN);
    let text = Notify::new(&sent, "n", 2, "active;expires=600").body("text/plain", "x");
    let other = Notify::new(&sent, "other", 1, "active;expires=600").pidf(OPEN);
    let end = Notify::new(&sent, "n", 3, "terminated;reason=rejected").pidf(CLOSED);
    for (notify, code) in [(&fine, 200), (&text, 415), (&other, 481), (&end, 200)] {
        for _ in 0..3 {
            assert_eq!(bed.notify(notify), code);
        }
        let [.., one, two, three] = &bed.responses[..] else {
            panic!("three")
        };
        assert_eq!(one.bytes, two.bytes);
        assert_eq!(one.bytes, three.bytes);
    }
    assert_eq!(bed.told().len(), 2);
    assert_eq!(
        bed.subscription_events(),
        ["active", "terminated rejected refused"]
    );
    assert_eq!(bed.subscription("presence").notifies, 2);
}

/// R6665-78: the duration that a NOTIFY names is kept to, if it is shorter.
#[test]
fn r6665_78_shortened() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    bed.run_to(10_000);
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "pending;expires=30")), 200);
    let refresh = bed.run_to_next(40_000);
    assert!(refresh.at < 30_000, "{}", refresh.at);
    assert_eq!(refresh.expires(), 3600);
    // Never extended.
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 2, "active;expires=86400")),
        200
    );
    assert!(bed.run_to_next(600_000).at <= 300_000);
    assert_eq!(bed.statistic("durations_clamped"), 1);
}

/// R6665-80: pending and active differ in the word; reason and retry-after are nothing there.
#[test]
fn r6665_80_pending_and_active() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    for (n, state) in [
        "pending;expires=600;reason=rejected;retry-after=5",
        "Pending;expires=600",
        "active;expires=600;reason=deactivated;retry-after=9",
        "active;expires=600",
        "pending;expires=600",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(
            bed.notify(&Notify::new(&sent, "n", n as u32 + 1, state)),
            200,
            "{state}"
        );
    }
    assert_eq!(bed.subscription_events(), ["pending", "active", "pending"]);
    bed.nothing_sent();
}

/// R6665-90: words of extensions; tokens in any case; parameters that nobody knows.
#[test]
fn r6665_90_unknown_words() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    for (n, state) in [
        "ACTIVE;EXPIRES=60",
        "suspended;expires=60",
        "active;expires=60;x=y;z",
        "active ; expires = 60",
    ]
    .iter()
    .enumerate()
    {
        let notify = Notify::new(&sent, "n", n as u32 + 1, state).pidf(OPEN);
        assert_eq!(bed.notify(&notify), 200, "{state}");
        let view = bed.subscription("presence");
        assert_eq!(
            (view.state, view.granted),
            (SubscriptionState::Active, Some(60)),
            "{state}"
        );
    }
    assert_eq!(bed.told().len(), 4);
    let end = Notify::new(&sent, "n", 9, "Terminated;Reason=REJECTED;Expires=300");
    assert_eq!(bed.notify(&end), 200);
    assert_eq!(
        bed.subscription_events().last().unwrap(),
        "terminated rejected refused"
    );
}

/// R6665-95, R4662-01: only the extension that this SUBSCRIBE offered.
#[test]
fn r6665_95_require() {
    for (package, offered, require, code) in [
        ("presence", true, "eventlist", 200),
        ("presence", true, "EventList", 200),
        ("presence", true, "eventlist, foo", 420),
        ("presence", true, "100rel", 420),
        ("presence", false, "eventlist", 420),
        ("presence.winfo", true, "eventlist", 420),
        ("x-unheard-of", true, "eventlist", 420),
    ] {
        let mut config = config();
        config.subscribe.eventlist = offered;
        let mut bed = Bed::with(config);
        let (_, sent) = bed.subscribe(package, EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        assert_eq!(
            sent.header("Supported").is_some(),
            code == 200 || require.contains(",") || require == "100rel"
        );
        let notify =
            Notify::new(&sent, "n", 1, "active;expires=600").with(&format!("Require: {require}\r\n"));
        assert_eq!(bed.notify(&notify), code, "{package} {require}");
        if code == 420 {
            let unsupported = bed.answered("Unsupported").unwrap();
            assert!(require.contains(unsupported), "{unsupported}");
        }
    }
}

/// R6665-97: CANCEL of a NOTIFY is answered and changes nothing; of nothing, 481.
#[test]
fn r6665_97_cancel() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let notify = Notify::new(&sent, "n", 2, "active;expires=600").pidf(OPEN);
    assert_eq!(bed.notify(&notify), 200);
    let cancel = Notify {
        body: None,
        ..notify.clone()
    }
    .text()
    .replace("NOTIFY ", "CANCEL ")
    .replace(" NOTIFY", " CANCEL");
    bed.receive_from(sent.hop, &cancel);
    assert_eq!(bed.answer_code(), 200);
    assert_eq!(bed.subscription("presence").state, SubscriptionState::Active);
    bed.receive_from(
        sent.hop,
        &cancel.replace("branch=z9hG4bKn2", "branch=z9hG4bKnone"),
    );
    assert_eq!(bed.answer_code(), 481);
    assert_eq!(bed.told().len(), 1);
    // The NOTIFY's own answer stays what it was.
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.told().len(), 1);
}

/// R3261-098: what the answer to a NOTIFY copies; Record-Route and Contact where it made a dialog.
#[test]
fn r3261_098_answers() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    let first = Notify::new(&sent, "n", 1, "active;expires=600")
        .with("Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKinner\r\nRecord-Route: <sip:192.0.2.31;lr>\r\nRecord-Route: <sip:192.0.2.32;lr>, <sip:192.0.2.33;lr>\r\n");
    assert_eq!(bed.notify(&first), 200);
    let answer = bed.responses.last().unwrap().clone();
    assert_eq!(answer.all("Via").len(), 2);
    assert!(answer.all("Via")[1].contains("z9hG4bKinner"));
    assert_eq!(answer.header("From"), Some("<sip:a@example.com>;tag=n"));
    assert_eq!(answer.header("To"), sent.header("From"));
    assert_eq!(answer.header("Call-ID"), sent.header("Call-ID"));
    assert_eq!(answer.header("CSeq"), Some("1 NOTIFY"));
    assert_eq!(answer.all("Record-Route").join(", ").matches("lr").count(), 3);
    assert_eq!(answer.header("Contact"), sent.header("Contact"));
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "active;expires=600")), 200);
    assert_eq!(bed.answered("Record-Route"), None);
}
