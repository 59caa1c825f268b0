//! What SUBSCRIBEs say (group B.1 of the checklist): outside a dialog and within.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use bed::notifier::{Notify, subscribe, subscription};
use bed::{Bed, Sent, config};
use pua_core::*;

const EVER: Lifetime = Lifetime::UntilFurtherNotice;

fn call_id(sent: &Sent) -> &str {
    sent.header("Call-ID").unwrap()
}

/// R6665-01: one Event, one token; names of templates as they are.
#[test]
fn r6665_01_one_event_as_it_is_written() {
    for package in [
        "presence",
        "presence.winfo",
        "presence.winfo.winfo",
        "dialog",
        "x-unheard-of",
    ] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe(package, EVER);
        assert_eq!(sent.all("Event"), [package]);
    }
}

/// R6665-02: the expires parameter of a Contact means nothing.
#[test]
fn r6665_02_expires_of_a_contact() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    assert!(!sent.header("Contact").unwrap().contains("expires"));
    let rows = "Contact: <sip:n@192.0.2.1>;expires=5\r\nExpires: 3600\r\n";
    bed.respond(&sent, 200, rows);
    let notify = Notify::new(&sent, "n", 1, "active").contact("<sip:n@192.0.2.1>;expires=5");
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.subscription("presence").granted, Some(3600));
    let refresh = bed.run_to_next(3_600_000);
    assert!(refresh.at > 1_500_000, "{}", refresh.at);
}

/// R6665-03: our Contact is where we listen, by the transport the SUBSCRIBE takes.
#[test]
fn r6665_03_contact() {
    let cases: [(&str, Option<&str>, &str); 4] = [
        ("sip:192.0.2.1:5080", None, "<sip:pua@192.0.2.9:5060>"),
        (
            "sip:192.0.2.1:5080;transport=tcp",
            None,
            "<sip:pua@192.0.2.9:5060;transport=tcp>",
        ),
        (
            "sip:192.0.2.1:5080",
            Some("nat.example.net:15060"),
            "<sip:pua@nat.example.net:15060>",
        ),
        ("sip:[2001:db8::1]", None, "<sip:pua@[2001:db8::9]:5060>"),
    ];
    for (proxy, advertise, contact) in cases {
        let mut config = config();
        config.presence_server = Some(Proxy { uri: proxy.into() });
        config.advertise = advertise.map(Into::into);
        config
            .listen
            .push((Transport::Udp, "[2001:db8::9]:5060".parse().unwrap()));
        let mut bed = Bed::with(config);
        let (_, sent) = bed.subscribe("presence", EVER);
        assert_eq!(sent.all("Contact"), [contact]);
    }
}

/// R6665-04, R3857-01: the package's mandatory type is accepted.
#[test]
fn r6665_04_accept_of_each_package() {
    let cases = [
        ("presence", "application/pidf+xml"),
        ("reg", "application/reginfo+xml"),
        ("dialog", "application/dialog-info+xml"),
        ("presence.winfo", "application/watcherinfo+xml"),
        ("conference", "application/conference-info+xml"),
        ("xcap-diff", "application/xcap-diff+xml"),
        ("message-summary", "application/simple-message-summary"),
    ];
    for (package, mandatory) in cases {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe(package, EVER);
        let accept = sent.all("Accept");
        assert_eq!(accept.len(), 1, "{package}");
        assert!(
            accept[0].split(", ").any(|t| t == mandatory),
            "{package}: {accept:?}"
        );
    }
}

/// R6665-05, R6665-06: who only subscribes lists no events; the methods are the same everywhere.
#[test]
fn r6665_05_06_what_we_claim() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    assert_eq!(sent.header("Allow-Events"), None);
    assert_eq!(bed.answered("Allow-Events"), None);
    let request = |method: &str| {
        format!(
            "{method} sip:pua@192.0.2.9:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\nFrom: <sip:x@d>;tag=1\r\nTo: <sip:pua@192.0.2.9>\r\nCall-ID: {method}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    bed.receive_from(sent.hop, &request("OPTIONS"));
    assert_eq!(bed.answer_code(), 200);
    assert_eq!(bed.answered("Allow-Events"), None);
    let allow = bed.answered("Allow").unwrap().to_owned();
    assert!(allow.contains("NOTIFY") && allow.contains("OPTIONS") && !allow.contains("SUBSCRIBE"));
    bed.receive_from(sent.hop, &request("SUBSCRIBE"));
    assert_eq!(bed.answer_code(), 405);
    assert_eq!(bed.answered("Allow"), Some(&*allow));
    assert!(sent.header("Allow").is_none_or(|own| own == allow));
}

/// R6665-07: whatever ended it, the next is a stranger to it: Call-ID, tag, no To tag, no Route.
#[test]
fn r6665_07_nothing_of_the_old_dialog() {
    for case in ["481", "terminated", "silence", "expired"] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe("presence", EVER);
        bed.respond(&sent, 200, "Expires: 600\r\n");
        let notify = Notify::new(&sent, "n", 1, "active;expires=600")
            .with("Record-Route: <sip:192.0.2.1:5080;lr>\r\n");
        assert_eq!(bed.notify(&notify), 200);
        match case {
            "481" => {
                let refresh = bed.run_to_next(600_000);
                bed.respond(&refresh, 481, "");
            }
            "terminated" => bed.end(&sent, "n", 2, "deactivated"),
            "silence" => {
                let refresh = bed.run_to_next(600_000);
                bed.respond(&refresh, 200, "Expires: 600\r\n");
            }
            _ => {
                let refresh = bed.run_to_next(600_000);
                bed.respond(&refresh, 403, "");
            }
        }
        let again = bed.next_sent(700_000);
        assert_eq!(again.start(), "SUBSCRIBE sip:a@example.com SIP/2.0", "{case}");
        assert_ne!(call_id(&again), call_id(&sent), "{case}");
        assert_ne!(again.header("From"), sent.header("From"), "{case}");
        assert_eq!(again.header("To"), Some("<sip:a@example.com>"), "{case}");
        assert_eq!(again.header("Route"), None, "{case}");
    }
}

/// R6665-08: one subscription a dialog.
#[test]
fn r6665_08_no_dialog_is_shared() {
    let mut bed = Bed::new();
    let one = bed.subscribed("presence", EVER);
    let (_, other) = bed.subscribe("dialog", EVER);
    assert_ne!(call_id(&one), call_id(&other));
    let mut named = subscribe("presence", EVER);
    named.name.id = Some("app2".into());
    bed.command(Command::Subscribe(named));
    let third = bed.take();
    assert_ne!(call_id(&one), call_id(&third));
    assert_eq!(third.header("To"), Some("<sip:a@example.com>"));
}

/// R6665-09, R6665-23: an id in Event is in every SUBSCRIBE, and wanted in every NOTIFY.
#[test]
fn r6665_09_event_id() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence;id=7", EVER);
    assert_eq!(sent.all("Event"), ["presence;id=7"]);
    for event in ["presence", "presence;id=8", "presence;id"] {
        let notify = Notify::new(&sent, "n", 9, "active").event(event);
        let code = bed.notify(&Notify {
            branch: format!("z9hG4bK{}", event.len() + event.contains('8') as usize * 10),
            ..notify
        });
        assert!([400, 481, 489].contains(&code), "{event}: {code}");
    }
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.all("Event"), ["presence;id=7"]);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    bed.unsubscribe("presence;id=7");
    assert_eq!(bed.take().all("Event"), ["presence;id=7"]);
}

/// R6665-10, R6665-57: nothing is cancelled: what was asked for is ended when it is there.
#[test]
fn r6665_10_57_no_cancel() {
    let mut bed = Bed::new();
    let (first, sent) = bed.subscribe("presence", EVER);
    bed.run_to(100);
    let last = bed.unsubscribe("presence");
    bed.run_to(300);
    bed.nothing_sent();
    bed.respond(&sent, 200, "Expires: 3600\r\n");
    bed.nothing_sent();
    bed.run_to(2_000);
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 1, "active;expires=3600")),
        200
    );
    let end = bed.take();
    assert_eq!(
        (end.expires(), end.header("To")),
        (0, Some("<sip:a@example.com>;tag=n"))
    );
    bed.respond(&end, 200, "Expires: 0\r\n");
    bed.end(&sent, "n", 2, "timeout");
    assert_eq!((bed.answers(first), bed.answers(last)), (1, 1));
    assert!(bed.sent.iter().all(|sent| sent.text().starts_with("SUBSCRIBE")));
    bed.run_to(100_000);
    bed.nothing_left();
}

/// R6665-11, R4662-01, R6446-05: headers that a SUBSCRIBE, and an answer to NOTIFY, must not have.
#[test]
fn r6665_11_header_audit() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    for absent in ["Event", "Allow-Events", "Subscription-State", "Expires"] {
        assert_eq!(bed.answered(absent), None, "{absent}");
    }
    let refresh = bed.run_to_next(600_000);
    bed.respond(&refresh, 200, "Expires: 600\r\n");
    bed.unsubscribe("presence");
    let end = bed.take();
    for request in [&sent, &refresh, &end] {
        for absent in [
            "Require",
            "Proxy-Require",
            "Allow-Events",
            "Subscription-State",
            "Content-Type",
        ] {
            assert_eq!(request.header(absent), None, "{absent}");
        }
        for once in [
            "Event",
            "Expires",
            "Contact",
            "From",
            "To",
            "Call-ID",
            "CSeq",
            "Max-Forwards",
            "Via",
            "Accept",
            "Supported",
            "Content-Length",
        ] {
            assert_eq!(request.all(once).len(), 1, "{once}");
        }
        assert_eq!(request.header("Supported"), Some("eventlist"));
        assert!(request.header("Via").unwrap().ends_with(";rport"));
    }
}

/// R6665-12: without a word of the application the package's duration; the operator may set one.
#[test]
fn r6665_12_default_durations() {
    for (package, expires) in [
        ("presence", 3600),
        ("reg", 3761),
        ("presence.winfo", 3600),
        ("dialog", 3600),
        ("message-summary", 3600),
        ("conference", 3600),
        ("xcap-diff", 3600),
        ("x-unheard-of", 3600),
    ] {
        let mut bed = Bed::new();
        let (_, sent) = bed.subscribe(package, Lifetime::Default);
        assert_eq!(sent.expires(), expires, "{package}");
    }
    let mut config = config();
    config.subscribe.default_expires = Some(900);
    let mut bed = Bed::with(config);
    let (_, sent) = bed.subscribe("reg", Lifetime::Default);
    assert_eq!(sent.expires(), 900);
    // R6665-12: used when neither the 2xx nor the NOTIFY says any.
    bed.respond(&sent, 200, "");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active")), 200);
    assert_eq!(bed.subscription("reg").granted, Some(900));
}

/// R6665-13: a refresh is in the dialog, and one at a time: a change meanwhile comes after it.
#[test]
fn r6665_13_in_the_dialog_one_at_a_time() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", Lifetime::Seconds(600));
    bed.run_to(10_000);
    let one = bed.command(Command::Subscribe(subscribe("presence", Lifetime::Seconds(700))));
    let refresh = bed.take();
    assert_eq!(refresh.start(), "SUBSCRIBE sip:n@192.0.2.1:5080 SIP/2.0");
    assert_eq!(refresh.header("To"), Some("<sip:a@example.com>;tag=n"));
    for same in ["From", "Call-ID", "Event", "Contact", "Accept"] {
        assert_eq!(refresh.header(same), sent.header(same), "{same}");
    }
    assert_eq!((refresh.cseq(), refresh.expires()), (sent.cseq() + 1, 700));
    bed.run_to(10_100);
    let other = bed.command(Command::Subscribe(subscribe("presence", Lifetime::Seconds(900))));
    bed.nothing_sent();
    bed.respond(&refresh, 200, "Expires: 700\r\n");
    let second = bed.take();
    assert_eq!((second.cseq(), second.expires()), (sent.cseq() + 2, 900));
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 2, "active;expires=700")), 200);
    bed.respond(&second, 200, "Expires: 900\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 3, "active;expires=900")), 200);
    assert_eq!((bed.answers(one), bed.answers(other)), (1, 1));
    assert_eq!(bed.subscription("presence").granted, Some(900));
    bed.nothing_sent();
}

/// R6665-13: a command that comes when the NOTIFY of the refresh has, but not its 200, is answered.
#[test]
fn r6665_13_a_command_between_notify_and_response() {
    let mut bed = Bed::new();
    let sent = bed.subscribed("presence", EVER);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 2, "active;expires=3600")),
        200
    );
    let id = bed.command(Command::Subscribe(subscribe("presence", EVER)));
    bed.respond(&refresh, 200, "Expires: 3600\r\n");
    let again = bed.next_sent(refresh.at + 1_000);
    bed.respond(&again, 200, "Expires: 3600\r\n");
    assert_eq!(
        bed.notify(&Notify::new(&sent, "n", 3, "active;expires=3600")),
        200
    );
    assert_eq!(bed.subscription_outcome(id).code, 200);
}

/// R6665-13, R6665-22: a strict router is the Request-URI, and where it goes; the target is last.
#[test]
fn r6665_13_strict_router() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let notify = Notify::new(&sent, "n", 1, "active;expires=600")
        .with("Record-Route: <sip:192.0.2.41:5070>\r\nRecord-Route: <sip:192.0.2.42;lr>\r\n");
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.start(), "SUBSCRIBE sip:192.0.2.41:5070 SIP/2.0");
    assert_eq!(
        refresh.all("Route"),
        ["<sip:192.0.2.42;lr>", "<sip:n@192.0.2.1:5080>"]
    );
    assert_eq!(refresh.hop.addr.to_string(), "192.0.2.41:5070");
}

/// RFC 3261 §19.1.1: what a Request-URI must not have is not copied into it from a Contact.
#[test]
fn r3261_19_1_1_contact_with_headers() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let notify = Notify::new(&sent, "n", 1, "active;expires=600")
        .contact("<sip:n@192.0.2.1:5080;method=INVITE;x=1?Subject=hello&Route=%3Csip:x%3E>");
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.start(), "SUBSCRIBE sip:n@192.0.2.1:5080;x=1 SIP/2.0");
}

/// R6665-110: a GRUU is copied as it is.
#[test]
fn r6665_110_gruu() {
    let mut bed = Bed::new();
    let (_, sent) = bed.subscribe("presence", EVER);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let gruu = "sip:x@192.0.2.77;gr=urn:uuid:F81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let notify = Notify::new(&sent, "n", 1, "active;expires=600").contact(&format!("<{gruu}>"));
    assert_eq!(bed.notify(&notify), 200);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.start(), format!("SUBSCRIBE {gruu} SIP/2.0"));
    assert_eq!(refresh.hop.addr.to_string(), "192.0.2.77:5060");
}

/// R6446-01, R6446-02: rates are parameters of Event, the same in every SUBSCRIBE; NOTIFYs match
/// without them.
#[test]
fn r6446_01_02_rates() {
    let mut bed = Bed::new();
    let package = "presence;max-rate=0.05;min-rate=0.01";
    let (_, sent) = bed.subscribe(package, EVER);
    assert_eq!(sent.all("Event"), [package]);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    let state = "active;expires=600;max-rate=0.05";
    let notify = Notify::new(&sent, "n", 1, state).event("presence");
    assert_eq!(bed.notify(&notify), 200);
    assert_eq!(bed.answered("Event"), None);
    assert_eq!(bed.run_to_next(600_000).all("Event"), [package]);
    assert_eq!(subscription(package).package.as_ref(), package);
}

/// R5367-01: the list goes along with the first SUBSCRIBE only.
#[test]
fn r5367_01_the_list_is_in_the_first_only() {
    let mut bed = Bed::new();
    let mut list = subscribe("presence", EVER);
    list.members = ["sip:b@example.com".into(), "sip:c@example.com".into()].into();
    bed.command(Command::Subscribe(list));
    let sent = bed.take();
    assert_eq!(sent.header("Require"), Some("recipient-list-subscribe"));
    assert_eq!(sent.header("Content-Disposition"), Some("recipient-list"));
    assert_eq!(
        sent.header("Content-Type"),
        Some("application/resource-lists+xml")
    );
    assert_eq!(sent.body().matches("<entry uri=").count(), 2);
    bed.respond(&sent, 200, "Expires: 600\r\n");
    assert_eq!(bed.notify(&Notify::new(&sent, "n", 1, "active;expires=600")), 200);
    let refresh = bed.run_to_next(600_000);
    assert_eq!(refresh.header("Require"), None);
    assert_eq!(refresh.header("Content-Disposition"), None);
    assert_eq!(refresh.body(), "");
}
