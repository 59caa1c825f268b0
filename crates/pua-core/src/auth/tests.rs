//! Challenges and answers towards one next hop, without requests.

use super::*;

fn credential(realm: &str) -> Credential {
    Credential {
        realm: realm.into(),
        username: "lab".into(),
        password: "secret".into(),
    }
}

fn challenge(text: &str) -> (Asker, Challenge) {
    (Asker::Server, Challenge::parse(text.as_bytes()).unwrap())
}

fn written(sessions: &mut Sessions) -> String {
    let mut out = Vec::new();
    sessions.write(&mut Random::new([1; 32], 0), "PUBLISH", "sip:a@d", b"", &mut out);
    String::from_utf8(out).unwrap()
}

/// R3261-123: wrong password: one answer, then no more.
#[test]
fn r3261_123_wrong_password_is_not_repeated() {
    let mut sessions = Sessions::default();
    let mut rounds = Rounds::default();
    let all = [credential("lab")];
    let first = challenge(r#"Digest realm="lab", nonce="1""#);
    assert_eq!(sessions.challenged(&[first], &all, &mut rounds), Ok(()));
    let again = challenge(r#"Digest realm="lab", nonce="2""#);
    assert_eq!(
        sessions.challenged(&[again], &all, &mut rounds),
        Err(Unanswered::Rejected("lab".into()))
    );
    assert_eq!(
        written(&mut sessions),
        "",
        "rejected credentials are not sent pre-emptively"
    );
}

/// R3261-123: stale=true is answered with the new nonce.
#[test]
fn r3261_123_stale_is_answered() {
    let mut sessions = Sessions::default();
    let mut rounds = Rounds::default();
    let all = [credential("lab")];
    sessions
        .challenged(
            &[challenge(r#"Digest realm="lab", nonce="1""#)],
            &all,
            &mut rounds,
        )
        .unwrap();
    let stale = challenge(r#"Digest realm="lab", nonce="2", stale=TRUE"#);
    assert_eq!(sessions.challenged(&[stale], &all, &mut rounds), Ok(()));
    assert!(written(&mut sessions).contains("nonce=\"2\""));
}

/// R3261-124: always stale: stop at the cap.
#[test]
fn r3261_124_rounds_are_capped() {
    let mut sessions = Sessions::default();
    let mut rounds = Rounds::default();
    let all = [credential("")];
    let mut times = 0;
    while sessions
        .challenged(
            &[challenge(r#"Digest realm="lab", nonce="1", stale=true"#)],
            &all,
            &mut rounds,
        )
        .is_ok()
    {
        times += 1;
    }
    assert_eq!(times, ROUNDS);
}

/// SEC-06: credentials that were rejected again and again are kept back.
#[test]
fn sec_06_frozen_after_rejections() {
    let mut sessions = Sessions::default();
    let all = [credential("lab")];
    for _ in 0..REJECTIONS {
        let mut rounds = Rounds::default();
        let one = [challenge(r#"Digest realm="lab", nonce="1""#)];
        sessions.challenged(&one, &all, &mut rounds).unwrap();
        assert!(sessions.challenged(&one, &all, &mut rounds).is_err());
    }
    let answer = sessions.challenged(
        &[challenge(r#"Digest realm="lab", nonce="1""#)],
        &all,
        &mut Rounds::default(),
    );
    assert_eq!(answer, Err(Unanswered::Frozen("lab".into())));
}

/// R3261-126: an unknown realm gets no answer.
#[test]
fn r3261_126_unknown_realm() {
    let answer = Sessions::default().challenged(
        &[challenge(r#"Digest realm="evil", nonce="1""#)],
        &[credential("lab")],
        &mut Rounds::default(),
    );
    assert_eq!(answer, Err(Unanswered::NoCredentials("evil".into())));
}

/// R7616-02: nc counts the requests that used the nonce; R8760-02: one row per realm.
#[test]
fn r7616_02_nonce_count_and_rows() {
    let mut sessions = Sessions::default();
    let mut rounds = Rounds::default();
    let all = [credential("lab"), credential("proxy")];
    let offered = [
        challenge(r#"Digest realm="lab", nonce="1", qop="auth""#),
        (
            Asker::Proxy,
            Challenge::parse(br#"Digest realm="proxy", nonce="2", qop="auth""#).unwrap(),
        ),
    ];
    sessions.challenged(&offered, &all, &mut rounds).unwrap();
    for count in 1..=5 {
        let rows = written(&mut sessions);
        assert_eq!(rows.matches(&format!("nc=0000000{count}")).count(), 2, "{rows}");
        assert!(rows.starts_with("Authorization: Digest "));
        assert!(rows.contains("\r\nProxy-Authorization: Digest "));
    }
}

/// R7616-05: the next nonce is used from its first use on.
#[test]
fn r7616_05_next_nonce() {
    let mut sessions = Sessions::default();
    let all = [credential("lab")];
    let one = [challenge(r#"Digest realm="lab", nonce="1", qop="auth""#)];
    sessions.challenged(&one, &all, &mut Rounds::default()).unwrap();
    written(&mut sessions);
    sessions.accepted(Some(br#"nextnonce="n2""#), &Rounds::default());
    let rows = written(&mut sessions);
    assert!(
        rows.contains(r#"nonce="n2""#) && rows.contains("nc=00000001"),
        "{rows}"
    );
}

/// R7616-02: the same nonce in challenges to several requests: its count goes on.
#[test]
fn r7616_02_one_nonce_for_several_challenges() {
    let mut sessions = Sessions::default();
    let all = [credential("lab")];
    for count in 1..=3 {
        let one = [challenge(r#"Digest realm="lab", nonce="shared", qop="auth""#)];
        sessions.challenged(&one, &all, &mut Rounds::default()).unwrap();
        let row = written(&mut sessions);
        assert!(row.contains(&format!("nc=0000000{count}")), "{row}");
    }
    // Another nonce, and one more challenge with the old one that was still under way.
    for (nonce, count) in [("new", 1), ("shared", 4), ("new", 2)] {
        let one = [challenge(&format!(
            r#"Digest realm="lab", nonce="{nonce}", qop="auth""#
        ))];
        sessions.challenged(&one, &all, &mut Rounds::default()).unwrap();
        let row = written(&mut sessions);
        assert!(row.contains(&format!("nc=0000000{count}")), "{row}");
    }
}

/// R7616-02 (RFC 7616 §3.4.2): the key of a session is made once, so its client nonce stays.
#[test]
fn r7616_02_client_nonce_of_a_session_stays() {
    for (algorithm, same) in [("MD5-sess", true), ("SHA-256-sess", true), ("MD5", false)] {
        let mut sessions = Sessions::default();
        let all = [credential("lab")];
        let text = format!(r#"Digest realm="lab", nonce="1", qop="auth", algorithm={algorithm}"#);
        sessions
            .challenged(&[challenge(&text)], &all, &mut Rounds::default())
            .unwrap();
        let mut random = Random::new([1; 32], 0);
        let mut cnonces = [0, 1].map(|_| {
            let mut out = Vec::new();
            sessions.write(&mut random, "PUBLISH", "sip:a@d", b"", &mut out);
            let row = String::from_utf8(out).unwrap();
            row.split("cnonce=")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap()
                .to_owned()
        });
        let second = std::mem::take(&mut cnonces[1]);
        assert_eq!(cnonces[0] == second, same, "{algorithm}");
    }
}

/// SEC-06, SEC-18: credentials that were taken once are not wrong: who is rejected with them is
/// alone in it.
#[test]
fn sec_18_proven_credentials_are_not_frozen() {
    let mut sessions = Sessions::default();
    let all = [credential("lab")];
    let mut good = Rounds::default();
    let one = [challenge(r#"Digest realm="lab", nonce="1", qop="auth""#)];
    sessions.challenged(&one, &all, &mut good).unwrap();
    sessions.accepted(None, &good);
    for _ in 0..=REJECTIONS {
        let mut rounds = Rounds::default();
        sessions.challenged(&one, &all, &mut rounds).unwrap();
        assert_eq!(
            sessions.challenged(&one, &all, &mut rounds),
            Err(Unanswered::NotHere("lab".into()))
        );
    }
    assert!(
        written(&mut sessions).contains("nonce=\"1\""),
        "others go on with them"
    );
    sessions.clear();
    let mut rounds = Rounds::default();
    sessions.challenged(&one, &all, &mut rounds).unwrap();
    assert_eq!(
        sessions.challenged(&one, &all, &mut rounds),
        Err(Unanswered::Rejected("lab".into())),
        "with another configuration nothing is proven"
    );
}
