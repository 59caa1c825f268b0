//! Mailboxes, as the RFC prints them and as they come.

use proptest::prelude::*;

use super::*;
use crate::Document;

fn summary(text: &str) -> MessageSummary {
    read(text.as_bytes()).expect(text)
}

fn counts(new: u32, old: u32, urgent: Option<(u32, u32)>) -> Counts {
    let urgent = urgent.map(|(new, old)| Urgent { new, old });
    Counts { new, old, urgent }
}

/// CMWI-01: the example of RFC 3842 §4.1 with headers of new messages.
#[test]
fn cmwi_01_example_with_message_headers() {
    let read = summary(
        "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 4/8 (1/2)\r\n\r\n\
        To: <alice@atlanta.example.com>\r\nSubject: carpool\r\n tomorrow?\r\n\r\nTo: <alice@example.com>\r\nPriority: urgent\r\n",
    );
    assert!(read.waiting);
    assert_eq!(read.account.as_deref(), Some("sip:alice@vmail.example.com"));
    assert_eq!(read.class("Voice-Message"), Some(counts(4, 8, Some((1, 2)))));
    assert_eq!(read.messages.len(), 2);
    assert_eq!(&*read.messages[0].headers[1].value, "carpool tomorrow?");
    let written = String::from_utf8(read.write().unwrap()).unwrap();
    assert!(
        written.ends_with("\r\n\r\nTo: <alice@example.com>\r\nPriority: urgent\r\n"),
        "{written}"
    );
    assert_eq!(summary(&written), read);
}

/// CMWI-01: names and values without regard to case, blanks anywhere, urgent part optional, counts capped.
#[test]
fn cmwi_01_liberal_reading() {
    let read = summary(
        "MESSAGES-WAITING : YES\r\nmessage-account:<sip:a@b>\r\nVOICE-message :99999999999/ 4294967296\r\n\
        Fax-Message: 1 / 2 ( 3 /4 )\r\nText-Message: 7\r\n",
    );
    assert!(read.waiting);
    assert_eq!(read.account.as_deref(), Some("sip:a@b"));
    assert_eq!(
        read.class("voice-message"),
        Some(counts(u32::MAX, u32::MAX, None))
    );
    assert_eq!(read.class("fax-message"), Some(counts(1, 2, Some((3, 4)))));
    assert_eq!(read.class("text-message"), Some(counts(7, 0, None)));
}

/// CMWI-02: LF line ends, no line end at the end, unknown classes and lines.
#[test]
fn cmwi_02_what_comes_as_well() {
    let read = summary(
        "\nMessages-Waiting: no\nX-Robot-Message: 0/3\nnonsense\nVoice-Message: many\nX-Flag: on\nVoice-Message: -1/2\nFax-Message: 0/1",
    );
    assert!(!read.waiting);
    let names: Vec<&str> = read.classes.iter().map(|class| &*class.name).collect();
    assert_eq!(names, ["fax-message", "x-robot-message"]);
    assert!(summary("Voice-Message: 1/0\n").waiting);
    assert!(!summary("Voice-Message: 0/9\n").waiting);
    assert!(super::read(b"").is_err());
    assert!(super::read(b"Messages-Waiting: perhaps\r\n").is_err());
    assert!(super::read(b"<presence/>").is_err());
    assert_eq!(
        summary("Messages-Waiting: yes\r\nVoice-Message: 1/1\r\nvoice-message: 2/2\r\n")
            .class("voice-message"),
        Some(counts(2, 2, None))
    );
}

/// The traffic of kamailio/kamailio#2414.
#[test]
fn mailbox_of_the_field() {
    let text = "Messages-Waiting: yes\r\nMessage-Account: sip:foo@vm.test.tutpro.com\r\nVoice-Message: 1/0 (0/0)\r\n";
    let document = Document::read(" Application/Simple-Message-Summary ; x=y", text.as_bytes()).unwrap();
    assert_eq!(document.write().unwrap(), text.as_bytes());
    assert_eq!(
        document.to_json(),
        serde_json::json!({
            "waiting": true,
            "account": "sip:foo@vm.test.tutpro.com",
            "classes": {"voice-message": {"new": 1, "old": 0, "urgent": {"new": 0, "old": 0}}},
        })
    );
    let told = document.summary().messages_waiting.unwrap();
    assert_eq!(
        (told.waiting, told.new, told.old, told.urgent_new),
        (true, 1, 0, 0)
    );
    assert_eq!(check(text.as_bytes()), []);
}

/// CMWI-01: the summary is of the voice messages, without them of all classes.
#[test]
fn cmwi_01_summary() {
    let told = |text: &str| {
        let mut told = Summary::default();
        summary(text).summarise(&mut told);
        told.messages_waiting.unwrap()
    };
    let voice = told("Messages-Waiting: yes\r\nFax-Message: 9/9 (9/9)\r\nVoice-Message: 2/8 (0/2)\r\n");
    assert_eq!(
        (voice.new, voice.old, voice.urgent_new, voice.urgent_old),
        (2, 8, 0, 2)
    );
    let others =
        told("Messages-Waiting: yes\r\nFax-Message: 4294967295/1 (1/0)\r\nText-Message: 4294967295/2\r\n");
    assert_eq!((others.new, others.old, others.urgent_new), (8_589_934_590, 3, 1));
    assert!(!told("Messages-Waiting: no\r\n").waiting);
}

/// CMWI-01: what has to be true of a document that is sent.
#[test]
fn cmwi_01_strict_writing() {
    let refused = |value: Value| {
        let summary = MessageSummary::from_json(&value);
        summary
            .and_then(|summary| summary.write())
            .expect_err("refused")
            .to_string()
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (value, path) in [
        (r#"{}"#, "waiting"),
        (r#"{"waiting":true,"acount":"sip:a@b"}"#, "acount"),
        (r#"{"waiting":"yes"}"#, "waiting"),
        (r#"{"waiting":true,"account":"alice"}"#, "account"),
        (r#"{"waiting":true,"account":"<sip:a@b>"}"#, "account"),
        (r#"{"waiting":true,"account":"sip:a@b\r\nX: y"}"#, "account"),
        (
            r#"{"waiting":true,"classes":{"voice message":{"new":1,"old":0}}}"#,
            "classes.voice message",
        ),
        (
            r#"{"waiting":true,"classes":{"Messages-Waiting":{"new":1,"old":0}}}"#,
            "classes.messages-waiting",
        ),
        (
            r#"{"waiting":true,"classes":{"voice-message":{"new":4294967296,"old":0}}}"#,
            "classes.voice-message.new",
        ),
        (
            r#"{"waiting":true,"classes":{"voice-message":{"new":1}}}"#,
            "classes.voice-message",
        ),
        (
            r#"{"waiting":true,"messages":[{"headers":[{"name":"To","value":"a\r\nb"}]}]}"#,
            "messages[0].headers[0].value",
        ),
        (
            r#"{"waiting":true,"messages":[{"headers":[{"name":"T o","value":"a"}]}]}"#,
            "messages[0].headers[0].name",
        ),
        (
            r#"{"waiting":true,"messages":[{"headers":[]}]}"#,
            "messages[0].headers",
        ),
    ] {
        let error = refused(json(value));
        assert!(error.contains(path), "{value}: {error}");
    }
    let written = MessageSummary::from_json(&json(
        r#"{"waiting":false,"classes":{"x-a":{"new":0,"old":0},"fax-message":{"new":0,"old":1},"Voice-Message":{"new":0,"old":2}}}"#,
    ))
    .unwrap()
    .write()
    .unwrap();
    assert_eq!(
        String::from_utf8(written).unwrap(),
        "Messages-Waiting: no\r\nVoice-Message: 0/2\r\nFax-Message: 0/1\r\nX-A: 0/0\r\n"
    );
}

#[test]
fn findings() {
    let rules = |text: &[u8]| -> Vec<(&str, Option<u32>)> {
        check(text).iter().map(|found| (found.rule, found.line)).collect()
    };
    assert_eq!(rules(b"Messages-Waiting: maybe\r\n"), [("CMWI-01", Some(1))]);
    assert_eq!(
        rules(b"Messages-Waiting: yes\nVoice-Message: 1/0"),
        [("CMWI-02", Some(2)), ("CMWI-02", Some(1))]
    );
    assert_eq!(
        rules(b"Voice-Message: 1/0\r\nMessages-Waiting: yes\r\nMessage-Account: <sip:a>\r\nFax-Message: 1\r\nX-M: 4294967296/1\r\nx-m: 1/1\r\n"),
        [
            ("CMWI-01", Some(1)), ("CMWI-01", Some(3)), ("CMWI-01", Some(3)), ("CMWI-01", Some(4)), ("CMWI-01", Some(5)),
            ("CMWI-01", Some(6)), ("CMWI-02", Some(6)),
        ]
    );
    assert_eq!(rules(b"Messages-Waiting: yes\r\n\r\nSubject: anything\r\n"), []);
}

/// Many lines, many messages: bounded.
#[test]
fn cmwi_01_bounds() {
    let many = |row: &str| ["Messages-Waiting: yes\r\n", &row.repeat(20_000)].concat();
    assert!(summary(&many("A: 1/1\r\n")).classes.len() == 1);
    let messages = summary(&many("\r\nA: b\r\n")).messages;
    assert_eq!(messages.len(), 100);
    assert_eq!(
        summary(&many("\r\n").replacen("\r\n\r\n", "\r\n\r\nA: b\r\n", 1))
            .messages
            .len(),
        1
    );
    assert!(super::read(&vec![b'a'; 300_000]).is_err());
}

prop_compose! {
    fn any_counts()(new in any::<u32>(), old in any::<u32>(), urgent in any::<Option<(u32, u32)>>()) -> Counts {
        counts(new, old, urgent)
    }
}

proptest! {
    /// CMWI-01: what is written is read back, by text and by JSON.
    #[test]
    fn cmwi_01_round_trip(
        waiting in any::<bool>(),
        account in prop::option::of("sips?:[a-z0-9%.]{1,8}@[a-zé]{1,8}"),
        classes in prop::collection::btree_map("voice-message|fax-message|none|x-[a-z0-9!%]{1,6}", any_counts(), 0..5),
        messages in prop::collection::vec(
            prop::collection::vec(("[A-Z][a-z-]{0,8}", "([!-~é][ -~é]{0,12}[!-~é])?"), 1..4), 0..3),
    ) {
        let mut summary = MessageSummary {
            waiting,
            account: account.map(Into::into),
            classes: classes.into_iter().map(|(name, counts)| ContextClass { name: name.into(), counts }).collect(),
            messages: messages
                .into_iter()
                .map(|headers| Message {
                    headers: headers
                        .into_iter()
                        .map(|(name, value)| MessageHeader { name: name.into(), value: value.into() })
                        .collect(),
                })
                .collect(),
        };
        summary.sort();
        let written = summary.write().unwrap();
        prop_assert_eq!(super::read(&written).unwrap(), summary.clone());
        prop_assert_eq!(MessageSummary::from_json(&summary.to_json()).unwrap(), summary);
        prop_assert!(check(&written).iter().all(|found| found.severity == crate::Severity::Warning));
    }

    #[test]
    fn any_octets_are_read_or_refused(body in "([A-Za-z-]{0,5}|Messages-Waiting|Voice-Message|:| |yes|1/|[0-9(/)]{1,4}|\r\n|\n|\\PC){0,30}") {
        let _ = check(body.as_bytes());
        if let Ok(summary) = super::read(body.as_bytes()) {
            let _ = summary.write();
        }
    }
}
