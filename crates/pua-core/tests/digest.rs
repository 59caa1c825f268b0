//! Digest of PUBLISH (RFC 3261 §22, RFC 7616, RFC 8760), checked by an independent computation of
//! what the server would.

mod bed;
use bed::*;
use pua_core::*;
use sip_digest::{Challenge, Hash};

const A: &str = "sip:a@example.com";

fn credential(realm: &str) -> Credential {
    Credential {
        realm: realm.into(),
        username: "lab".into(),
        password: "secret".into(),
    }
}

fn bed_with(realms: &[&str]) -> Bed {
    Bed::with(Config {
        credentials: realms.iter().map(|realm| credential(realm)).collect(),
        ..config()
    })
}

fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value
        .strip_prefix("Digest ")?
        .split(", ")
        .flat_map(|part| part.split(','))
        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
}

fn unquoted(text: &str) -> &str {
    text.trim_matches('"')
}

/// What the answer must be, computed from RFC 7616 §3.4 by hand.
fn expected(hash: Hash, value: &str, uri: &str, body: &str) -> String {
    let hex = |parts: &[&str]| {
        let bytes: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        String::from_utf8(hash.of(&bytes).as_bytes().to_vec()).unwrap()
    };
    let realm = unquoted(param(value, "realm").unwrap());
    let nonce = unquoted(param(value, "nonce").unwrap());
    let a1 = hex(&["lab:", realm, ":secret"]);
    let qop = param(value, "qop");
    let a2 = match qop {
        Some("auth-int") => hex(&["PUBLISH:", uri, ":", &hex(&[body])]),
        _ => hex(&["PUBLISH:", uri]),
    };
    match qop {
        None => hex(&[&a1, ":", nonce, ":", &a2]),
        Some(qop) => {
            let cnonce = unquoted(param(value, "cnonce").unwrap());
            hex(&[
                &a1,
                ":",
                nonce,
                ":",
                param(value, "nc").unwrap(),
                ":",
                cnonce,
                ":",
                qop,
                ":",
                &a2,
            ])
        }
    }
}

/// R3261-120, R3261-121, R3903-48, R3903-77: the same request once more with credentials.
#[test]
fn r3261_120_challenge_is_answered() {
    for (code, challenge, answer) in [
        (401, "WWW-Authenticate", "Authorization"),
        (407, "Proxy-Authenticate", "Proxy-Authorization"),
    ] {
        let mut bed = bed_with(&["lab"]);
        bed.published(A, 3600, 3600);
        let id = bed.publish(A, "<new/>", 3600);
        let first = bed.take();
        assert_eq!(first.header(answer), None);
        bed.respond(
            &first,
            code,
            &format!("{challenge}: Digest realm=\"lab\", nonce=\"n1\", qop=\"auth\"\r\n"),
        );
        let second = bed.take();
        let value = second.header(answer).unwrap();
        assert_eq!(unquoted(param(value, "uri").unwrap()), A);
        assert_eq!(
            unquoted(param(value, "response").unwrap()),
            expected(Hash::Md5, value, A, "")
        );
        assert_eq!(second.cseq(), first.cseq() + 1);
        assert_ne!(second.branch(), first.branch());
        for same in ["Call-ID", "From", "To", "SIP-If-Match", "Event", "Expires"] {
            assert_eq!(second.header(same), first.header(same), "{same}");
        }
        assert_eq!(second.body(), first.body());
        bed.ok(&second, "t", 3600);
        assert_eq!(bed.outcome(id).code, 200);
    }
}

/// R3261-122, R7616-01, R8760-01, R7616-06: the forms of challenges.
#[test]
fn r3261_122_forms_of_challenges() {
    let forms = [
        ("", None, Hash::Md5),
        (", qop=\"auth\", algorithm=MD5", Some("auth"), Hash::Md5),
        (
            ", qop=\"auth,auth-int\", algorithm=SHA-256",
            Some("auth"),
            Hash::Sha256,
        ),
        (
            ", qop=\"auth-int\", algorithm=SHA-256",
            Some("auth-int"),
            Hash::Sha256,
        ),
        (
            ", qop=auth, algorithm=\"SHA-512-256\"",
            Some("auth"),
            Hash::Sha512_256,
        ),
    ];
    for (form, qop, hash) in forms {
        let mut bed = bed_with(&["lab"]);
        bed.publish(A, BODY, 3600);
        let first = bed.take();
        bed.respond(
            &first,
            401,
            &format!("WWW-Authenticate: Digest realm=\"lab\", nonce=\"n1\"{form}\r\n"),
        );
        let second = bed.take();
        let value = second.header("Authorization").unwrap();
        assert_eq!(param(value, "qop"), qop, "unquoted: {value}");
        assert_eq!(param(value, "nc"), qop.map(|_| "00000001"), "unquoted: {value}");
        assert_eq!(param(value, "cnonce").is_some(), qop.is_some());
        assert_eq!(
            unquoted(param(value, "response").unwrap()),
            expected(hash, value, A, BODY),
            "{form}"
        );
    }
}

/// R7616-06: auth-int over a refresh without a body.
#[test]
fn r7616_06_auth_int_of_an_empty_body() {
    let mut bed = bed_with(&["lab"]);
    bed.publish(A, BODY, 3600);
    let first = bed.take();
    bed.respond(
        &first,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n\", qop=\"auth-int\"\r\n",
    );
    let second = bed.take();
    bed.ok(&second, "t", 60);
    let refresh = bed.run_to_next(31_000);
    let value = refresh.header("Authorization").unwrap();
    assert_eq!(
        unquoted(param(value, "response").unwrap()),
        expected(Hash::Md5, value, A, "")
    );
}

/// R3261-123: wrong password: exactly two requests, then refused, with the reason.
#[test]
fn r3261_123_wrong_password() {
    let mut bed = bed_with(&["lab"]);
    let id = bed.publish(A, BODY, 3600);
    for nonce in ["n1", "n2"] {
        let sent = bed.take();
        bed.respond(
            &sent,
            401,
            &format!("WWW-Authenticate: Digest realm=\"lab\", nonce=\"{nonce}\", qop=\"auth\"\r\n"),
        );
    }
    bed.nothing_sent();
    let outcome = bed.outcome(id);
    assert_eq!((outcome.code, outcome.next), (401, Next::Refused));
    assert!(outcome.detail.as_ref().unwrap().contains("rejected"));
    bed.run_to(1_000_000);
    bed.nothing_sent();
}

/// R3261-123: stale=true is answered with the new nonce; R3261-124: but not for ever.
#[test]
fn r3261_123_124_stale() {
    let mut bed = bed_with(&["lab"]);
    let id = bed.publish(A, BODY, 3600);
    let mut count = 0;
    while bed.reply(id).is_none() {
        let sent = bed.take();
        count += 1;
        let stale = if count > 1 { ", stale=TRUE" } else { "" };
        bed.respond(
            &sent,
            401,
            &format!("WWW-Authenticate: Digest realm=\"lab\", nonce=\"n{count}\", qop=\"auth\"{stale}\r\n"),
        );
    }
    assert_eq!(count, 6);
    assert_eq!(bed.outcome(id).code, 401);
}

/// R3261-125, R7616-02: credentials go along unasked from then on, counted.
#[test]
fn r3261_125_pre_emptive() {
    let mut bed = bed_with(&["lab"]);
    bed.publish(A, BODY, 36_000);
    let first = bed.take();
    bed.respond(
        &first,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n1\", qop=\"auth\"\r\n",
    );
    let second = bed.take();
    bed.ok(&second, "t", 60);
    for count in 2..6 {
        bed.publish(&format!("sip:u{count}@example.com"), BODY, 3600);
        let sent = bed.take();
        let value = sent.header("Authorization").unwrap();
        assert_eq!(param(value, "nc").unwrap(), format!("{count:08x}"));
        let uri = format!("sip:u{count}@example.com");
        assert_eq!(
            unquoted(param(value, "response").unwrap()),
            expected(Hash::Md5, value, &uri, "")
        );
        bed.ok(&sent, "t", 3600);
    }
    let refresh = bed.run_to_next(31_000);
    assert!(refresh.header("Authorization").is_some());
    // A nonce that is too old, said without `stale`: once more, since it was never answered here.
    bed.respond(
        &refresh,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n2\", qop=\"auth\"\r\n",
    );
    let again = bed.take();
    assert_eq!(
        param(again.header("Authorization").unwrap(), "nonce"),
        Some("\"n2\"")
    );
}

/// R8760-02: 407, then 401: the last request answers both, one row each.
#[test]
fn r8760_02_chain_of_challenges() {
    let mut bed = bed_with(&["p1", "p2", "lab"]);
    bed.publish(A, BODY, 3600);
    for (code, header, realm) in [
        (407, "Proxy-Authenticate", "p1"),
        (407, "Proxy-Authenticate", "p2"),
        (401, "WWW-Authenticate", "lab"),
    ] {
        let sent = bed.take();
        bed.respond(
            &sent,
            code,
            &format!("{header}: Digest realm=\"{realm}\", nonce=\"{realm}\", qop=\"auth\"\r\n"),
        );
    }
    let last = bed.take();
    let realms: Vec<&str> = last
        .all("Proxy-Authorization")
        .iter()
        .map(|value| unquoted(param(value, "realm").unwrap()))
        .collect();
    assert_eq!(realms, ["p1", "p2"]);
    assert_eq!(last.all("Authorization").len(), 1);
}

/// R8760-01: of several challenges of one realm the topmost that is supported.
#[test]
fn r8760_01_topmost_supported() {
    let mut bed = bed_with(&["lab"]);
    bed.publish(A, BODY, 3600);
    let first = bed.take();
    bed.respond(
        &first,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"x\", algorithm=AKAv1-MD5\r\n\
         WWW-Authenticate: Digest realm=\"lab\", nonce=\"s\", algorithm=SHA-256, qop=\"auth\"\r\n\
         WWW-Authenticate: Digest realm=\"lab\", nonce=\"m\", algorithm=MD5, qop=\"auth\"\r\n",
    );
    let second = bed.take();
    let rows = second.all("Authorization");
    assert_eq!(rows.len(), 1);
    assert_eq!(param(rows[0], "algorithm"), Some("SHA-256"));
    assert_eq!(param(rows[0], "nonce"), Some("\"s\""));
}

/// R7616-04: nothing usable: no loop, and never Basic. R3261-126: another's realm is not answered.
#[test]
fn r7616_04_nothing_usable() {
    for challenge in [
        "Digest realm=\"lab\", nonce=\"x\", algorithm=AKAv1-MD5",
        "Basic realm=\"lab\"",
        "Digest realm=\"evil\", nonce=\"x\"",
    ] {
        let mut bed = bed_with(&["lab"]);
        let id = bed.publish(A, BODY, 3600);
        let sent = bed.take();
        bed.respond(&sent, 401, &format!("WWW-Authenticate: {challenge}\r\n"));
        bed.nothing_sent();
        assert_eq!(
            (bed.outcome(id).code, bed.outcome(id).next),
            (401, Next::Refused),
            "{challenge}"
        );
    }
}

/// R7616-03: realm and opaque come back as they came; unknown parameters are passed over.
#[test]
fn r7616_03_echoed_verbatim() {
    let mut bed = bed_with(&[""]);
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    let challenge = r#"Digest realm="a\"b", nonce="n\\1", opaque="o\"p", x-new=1"#;
    bed.respond(&sent, 401, &format!("WWW-Authenticate: {challenge}\r\n"));
    let again = bed.take();
    let value = again.header("Authorization").unwrap();
    for kept in [r#"realm="a\"b""#, r#"nonce="n\\1""#, r#"opaque="o\"p""#] {
        assert!(value.contains(kept), "{kept} in {value}");
    }
    assert!(Challenge::parse(challenge.as_bytes()).is_some());
}

/// A changed configuration brings a refused publication back with the new password.
#[test]
fn a_corrected_password_is_used() {
    let mut bed = bed_with(&[]);
    let id = bed.publish(A, BODY, 3600);
    let sent = bed.take();
    bed.respond(
        &sent,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n\"\r\n",
    );
    assert!(
        bed.outcome(id)
            .detail
            .as_ref()
            .unwrap()
            .contains("[[credentials]]")
    );
    bed.input(Input::Configure(Config {
        credentials: vec![credential("lab")],
        ..config()
    }));
    let sent = bed.take();
    bed.respond(
        &sent,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n\"\r\n",
    );
    let sent = bed.take();
    bed.ok(&sent, "t", 3600);
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// R7616-02 (RFC 7616 §3.4): several requests challenged with one nonce: each count once, which a
/// server that looks for replays insists on.
#[test]
fn r7616_02_no_count_comes_twice() {
    let mut bed = bed_with(&["lab"]);
    let ids: Vec<u64> = (0..10)
        .map(|i| bed.publish(&format!("sip:u{i}@example.com"), BODY, 3600))
        .collect();
    let mut seen = std::collections::HashSet::new();
    loop {
        let all = bed.take_all();
        if all.is_empty() {
            break;
        }
        for sent in all {
            let count = sent
                .header("Authorization")
                .map(|value| param(value, "nc").unwrap().to_owned());
            match count {
                Some(count) if seen.insert(count.clone()) => bed.ok(&sent, "t", 3600),
                _ => bed.respond(
                    &sent,
                    401,
                    "WWW-Authenticate: Digest realm=\"lab\", nonce=\"shared\", qop=\"auth\"\r\n",
                ),
            }
        }
    }
    for id in ids {
        assert_eq!(bed.outcome(id).code, 200);
    }
    assert_eq!(seen.len(), 10);
}

/// SEC-18, SEC-06: a presentity that the server rejects whatever the credentials hinders no other
/// that goes by the same ones, which have been taken before.
#[test]
fn sec_18_one_rejected_presentity_freezes_no_other() {
    let mut bed = bed_with(&["lab"]);
    let mut nonce = 0;
    let mut challenge = |bed: &mut Bed, sent: &Sent| {
        nonce += 1;
        let row = format!("WWW-Authenticate: Digest realm=\"lab\", nonce=\"n{nonce}\", qop=\"auth\"\r\n");
        bed.respond(sent, 401, &row);
    };
    bed.publish(A, BODY, 3600);
    let sent = bed.take();
    challenge(&mut bed, &sent);
    let sent = bed.take();
    bed.ok(&sent, "t", 60);
    for body in ["1", "2", "3", "4", "5"] {
        let id = bed.publish("sip:bad@example.com", body, 3600);
        let mut rounds = 0;
        while bed.reply(id).is_none() {
            let sent = bed.take();
            rounds += 1;
            challenge(&mut bed, &sent);
        }
        assert_eq!(rounds, 2, "one answer, no more");
        let outcome = bed.outcome(id);
        assert_eq!((outcome.code, outcome.next), (401, Next::Refused));
        let detail = outcome.detail.as_deref().unwrap();
        assert!(detail.contains("not for this presentity"), "{detail}");
    }
    let refresh = bed.run_to_next(31_000);
    assert!(refresh.header("Authorization").is_some());
    challenge(&mut bed, &refresh);
    let again = bed.take();
    assert_eq!(again.if_match(), Some("t"));
    bed.ok(&again, "t2", 60);
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// SEC-07, R3261-126: a host that the server redirects to gets no answer to a challenge, unless it
/// is the server itself.
#[test]
fn sec_07_credentials_follow_no_redirection() {
    let challenge = "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n\", qop=\"auth\"\r\n";
    for (contact, is_home) in [
        ("sip:a@192.0.2.66:5080", false),
        ("sip:a@192.0.2.1:5099", true),
        ("sip:a@192.0.2.1:5080;transport=tcp", true),
    ] {
        let mut bed = bed_with(&["lab"]);
        // Credentials that the server has taken already go along with what it gets, only.
        let known = bed.publish("sip:b@example.com", BODY, 3600);
        let sent = bed.take();
        bed.respond(&sent, 401, challenge);
        let sent = bed.take();
        bed.ok(&sent, "t", 3600);
        assert_eq!(bed.outcome(known).code, 200);
        let id = bed.publish(A, BODY, 3600);
        let sent = bed.take();
        assert!(sent.header("Authorization").is_some());
        bed.respond(&sent, 302, &format!("Contact: <{contact}>\r\n"));
        let there = bed.take();
        bed.respond(&there, 401, challenge);
        if is_home {
            let again = bed.take();
            assert!(again.header("Authorization").is_some(), "{contact}");
            bed.ok(&again, "t", 3600);
            assert_eq!(bed.outcome(id).code, 200);
        } else {
            assert_eq!(there.header("Authorization"), None);
            bed.nothing_sent();
            let outcome = bed.outcome(id);
            assert_eq!((outcome.code, outcome.next), (401, Next::Refused));
            let detail = outcome.detail.as_deref().unwrap();
            assert!(
                detail.contains("192.0.2.66") && detail.contains("configured server"),
                "{detail}"
            );
        }
    }
}

/// SEC-07: where the server is configured by its name, its address is the same host, for as long as
/// it is the one that redirects.
#[test]
fn sec_07_the_server_by_its_address() {
    for (contact, is_home) in [("192.0.2.5", true), ("192.0.2.6", false), ("PA.example", true)] {
        let mut bed = Bed::with(Config {
            presence_server: Some(Proxy {
                uri: "sip:pa.example".into(),
            }),
            credentials: vec![credential("lab")],
            ..config()
        });
        bed.publish(A, BODY, 3600);
        bed.resolve("pa.example", &["192.0.2.5"]);
        let sent = bed.take();
        bed.respond(&sent, 302, &format!("Contact: <sip:a@{contact}:5090>\r\n"));
        bed.resolve("pa.example", &["192.0.2.5"]);
        let there = bed.take();
        bed.respond(
            &there,
            407,
            "Proxy-Authenticate: Digest realm=\"lab\", nonce=\"n\", qop=\"auth\"\r\n",
        );
        match is_home {
            true => assert!(bed.take().header("Proxy-Authorization").is_some(), "{contact}"),
            false => bed.nothing_sent(),
        }
    }
}
