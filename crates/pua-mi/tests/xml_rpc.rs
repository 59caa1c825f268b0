//! XML-RPC, byte for byte: as Python's `xmlrpc.client` writes it, and as Kamailio's and OpenSIPS' clients do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use pua_mi::command::{Lifetime, Wait};
use pua_mi::{Command, MiError, Next, Outcome, Reply, Request, SubscriptionOutcome, Via};
use serde_json::json;

fn call(method: &str, params: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodCall>\n<methodName>{method}</methodName>\n<params>\n{params}</params>\n</methodCall>\n"
    )
}

fn param(value: &str) -> String {
    format!("<param>\n<value>{value}</value>\n</param>\n")
}

fn string(text: &str) -> String {
    param(&format!("<string>{text}</string>"))
}

fn command(text: &str) -> Result<Command, MiError> {
    Request::parse(text.as_bytes(), Via::Http).calls.remove(0).command
}

fn exchange(text: &str, reply: &Reply) -> String {
    let request = Request::parse(text.as_bytes(), Via::Http);
    let reply = match &request.calls[0].command {
        Ok(_) => reply.clone(),
        Err(error) => Reply::Error(error.clone()),
    };
    String::from_utf8(request.encode(&[reply]).unwrap()).unwrap()
}

fn response(content: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<methodResponse>{content}</methodResponse>\n")
}

fn fault(code: i32, text: &str) -> String {
    response(&format!(
        "<fault><value><struct><member><name>faultCode</name><value><int>{code}</int></value></member>\
         <member><name>faultString</name><value><string>{text}</string></value></member></struct></value></fault>"
    ))
}

fn kamailio_publish() -> String {
    let body = "&lt;?xml version='1.0'?&gt;&lt;presence/&gt;";
    let strings = [
        "sip:a@b.c",
        "60",
        "presence",
        "application/pidf+xml",
        ".",
        ".",
        ".",
        ".",
        body,
    ];
    call("pua.publish", &strings.map(string).concat())
}

fn success() -> Reply {
    Reply::Published(Outcome {
        code: 200,
        reason: "OK".into(),
        etag: Some("a<b".into()),
        expires: Some(60),
        ..Outcome::default()
    })
}

#[test]
fn kamailio_publishes_by_position() {
    let text = kamailio_publish();
    let Ok(Command::Publish(publish)) = command(&text) else {
        panic!("no publication")
    };
    assert_eq!(
        publish.body.as_deref(),
        Some(&b"<?xml version='1.0'?><presence/>"[..])
    );
    assert_eq!(
        exchange(&text, &success()),
        response(
            "<params><param><value><struct><member><name>SIP-ETag</name><value><string>a&lt;b</string></value></member>\
             <member><name>Expires</name><value><int>60</int></value></member></struct></value></param></params>"
        )
    );
    let refused = Reply::Published(Outcome {
        code: 403,
        reason: "Forbidden".into(),
        next: Some(Next::Refused),
        ..Outcome::default()
    });
    assert_eq!(exchange(&text, &refused), fault(403, "Forbidden"));
}

#[test]
fn opensips_publishes_by_name_in_a_struct() {
    let member = |name: &str, value: &str| {
        format!("<member>\n<name>{name}</name>\n<value>{value}</value>\n</member>\n")
    };
    let members = [
        member("presentity_uri", "<string>sip:a@b.c</string>"),
        member("expires", "<int>3600</int>"),
        member("event_package", "presence"),
        member("content_type", "<string>text/plain</string>"),
        member("body", "<base64>\naGVsbG8=\n</base64>"),
        member("extra_headers", "<string>Subject: x\n\nPriority: y\n\n</string>"),
        member("etag", "<nil/>"),
    ];
    let text = call(
        "pua_mi:publish",
        &param(&format!("<struct>\n{}</struct>", members.concat())),
    );
    let Ok(Command::Publish(publish)) = command(&text) else {
        panic!("{:?}", command(&text))
    };
    assert_eq!(publish.body.as_deref(), Some(&b"hello"[..]));
    assert_eq!(
        publish.extra_headers.unwrap().as_str(),
        "Subject: x\r\nPriority: y\r\n",
        "LF LF stands for CRLF"
    );
    assert_eq!(
        exchange(&text, &success()),
        response(
            "<params><param><value><struct><member><name>reply</name><value><string>200 OK</string></value></member>\
             <member><name>ETag</name><value><string>a&lt;b</string></value></member>\
             <member><name>Expires</name><value><int>60</int></value></member></struct></value></param></params>"
        )
    );
}

#[test]
fn subscribing() {
    let strings = ["sip:p@b.c", "sip:w@b.c", "presence"].map(string).concat();
    let text = call("pua.subscribe", &(strings.clone() + &param("<int>-1</int>")));
    let Ok(Command::Subscribe(wanted)) = command(&text) else {
        panic!("no subscription")
    };
    assert_eq!(
        (wanted.lifetime, wanted.wait),
        (Lifetime::Forever, Wait::Accepted)
    );
    assert_eq!(
        exchange(&text, &Reply::SubscriptionAccepted),
        response("<params><param><value><struct></struct></value></param></params>")
    );
    let text = call("pua_subscribe", &(strings + &param("<i4>60</i4>")));
    assert_eq!(
        exchange(&text, &Reply::SubscriptionAccepted),
        response("<params><param><value><string>accepted</string></value></param></params>")
    );
    let waited = Reply::Subscribed(Box::new(SubscriptionOutcome {
        response: Outcome {
            code: 200,
            expires: Some(u32::MAX),
            ..Outcome::default()
        },
        state: "active",
        ..SubscriptionOutcome::default()
    }));
    assert_eq!(
        exchange(&text, &waited),
        response(
            "<params><param><value><struct><member><name>reply</name><value><string>200 OK</string></value></member>\
             <member><name>state</name><value><string>active</string></value></member>\
             <member><name>Expires</name><value><i8>4294967295</i8></value></member></struct></value></param></params>"
        )
    );
}

#[test]
fn members_and_flags() {
    let text = call(
        "pua:fetch",
        &param(
            "<struct><member><name>presentity_uri</name><value>sip:p@b.c</value></member>\
             <member><name>watcher_uri</name><value>sip:w@b.c</value></member>\
             <member><name>event_package</name><value>presence</value></member>\
             <member><name>members</name><value><array><data><value>sip:a@b.c</value><value><string>sip:b@b.c</string></value></data></array></value></member>\
             <member><name>raw</name><value><boolean>1</boolean></value></member></struct>",
        ),
    );
    let Ok(Command::Fetch(fetch)) = command(&text) else {
        panic!("{:?}", command(&text))
    };
    assert_eq!(fetch.members, ["sip:a@b.c", "sip:b@b.c"]);
    assert!(fetch.raw);
}

/// The document is well-formed: only a value is wrong, and the fault says which.
#[test]
fn a_value_that_is_not_of_its_type_is_a_bad_value() {
    for value in [
        "<int>abc</int>",
        "<i4></i4>",
        "<double>x</double>",
        "<boolean>2</boolean>",
        "<base64>!</base64>",
    ] {
        let strings = ["sip:a@b.c", "sip:w@b.c", "presence"].map(string).concat();
        let answer = exchange(
            &call("pua.subscribe", &(strings + &param(value))),
            &Reply::Accepted,
        );
        assert_eq!(answer, fault(400, "Invalid expires"), "{value}");
    }
}

#[test]
fn faults() {
    let none = Reply::Accepted;
    assert_eq!(
        exchange(&call("nothing", ""), &none),
        fault(-32601, "Method not found")
    );
    assert_eq!(
        exchange(&call("pua_publish", &string("x")), &none),
        fault(-32602, "Invalid params: Too few or too many parameters")
    );
    assert_eq!(
        exchange(
            &call(
                "pua.subscribe",
                &["x", "sip:w@b.c", "presence", "1"].map(string).concat()
            ),
            &none
        ),
        fault(400, "Invalid presentity uri 'x'")
    );
    for broken in [
        "<?xml version='1.0'?>",
        "<methodCall>",
        "<methodCall><methodName>version</methodName>",
        "<methodCall><methodName>version</methodName></methodCall><x/>",
        "<methodCall><methodName>version</methodName><params><param><value><what>x</what></value></param></params></methodCall>",
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><methodCall><methodName>version</methodName></methodCall>",
        "<methodCall><methodName>&a;</methodName></methodCall>",
        "<methodCall><methodName>version</methodName><params><param><value>x<int>1</int></value></param></params></methodCall>",
    ] {
        assert_eq!(exchange(broken, &none), fault(-32700, "Parse error"), "{broken}");
    }
    let deep = "<value><array><data>".repeat(10_000);
    let deep = format!("<methodCall><methodName>version</methodName><params><param>{deep}");
    assert_eq!(exchange(&deep, &none), fault(-32700, "Parse error"));
}

#[test]
fn results_of_all_kinds() {
    let text = "<methodCall><methodName>version</methodName></methodCall>";
    let value = json!({"a": [1, -2.5, true, null, "x\r\n\u{1}<&>"], "b": null});
    assert_eq!(
        exchange(text, &Reply::Json(value)),
        response(
            "<params><param><value><struct><member><name>a</name><value><array><data><value><int>1</int></value>\
             <value><double>-2.5</double></value><value><boolean>1</boolean></value><value><nil/></value>\
             <value><string>x&#13;\n\u{fffd}&lt;&amp;&gt;</string></value></data></array></value></member></struct>\
             </value></param></params>"
        )
    );
    assert!(matches!(
        command(&call("system.listMethods", "")),
        Ok(Command::Which(None))
    ));
}

#[test]
fn only_http_carries_it() {
    let text = kamailio_publish();
    for via in [Via::Datagram, Via::Stream, Via::Fifo] {
        assert!(Request::parse(text.as_bytes(), via).calls[0].command.is_err());
    }
}
