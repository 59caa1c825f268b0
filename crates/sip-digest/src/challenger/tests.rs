//! Both sides against each other.

use super::*;
use crate::{Answer, AuthenticationInfo, Challenge, Hash, choose};

const URI: &str = "sip:alice@example.com";

fn config() -> ChallengerConfig {
    ChallengerConfig {
        realm: r#"exam"ple"#.to_owned(),
        algorithms: Algorithm::ALL.to_vec(),
        nonce_lifetime: Duration::from_secs(60),
        auth_int: true,
        ..ChallengerConfig::default()
    }
}

fn secret(name: &str, algorithm: Algorithm) -> Option<Ha1> {
    (name == "alice").then(|| Ha1::new(algorithm.hash(), name, r#"exam"ple"#, "secret"))
}

fn request(body: &[u8]) -> SignedRequest<'_> {
    SignedRequest {
        method: "PUBLISH",
        uri: URI,
        body,
    }
}

fn answer(challenge: &Challenge, password: &str, nc: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let ha1 = challenge.ha1("alice", password).unwrap();
    let answer = Answer {
        challenge,
        username: "alice",
        method: "PUBLISH",
        uri: URI,
        body: b"body",
        nc,
        cnonce: "0a4f113b",
    };
    assert!(answer.write(&ha1, &mut out));
    out
}

fn offered(challenger: &mut Challenger, now: Instant) -> Vec<Challenge> {
    challenger
        .challenges(now, false)
        .iter()
        .map(|row| Challenge::parse(row).unwrap())
        .collect()
}

fn accepted() -> Verdict {
    Verdict::Accepted("alice".to_owned())
}

#[test]
fn every_algorithm_and_quality_is_accepted() {
    let now = Instant::now();
    let mut challenger = Challenger::new(now, config(), [1; 32]);
    for (index, mut challenge) in offered(&mut challenger, now).into_iter().enumerate() {
        assert_eq!(challenge.algorithm, Some(Algorithm::ALL[index]));
        for auth in [true, false] {
            challenge.qop.auth = auth;
            // One nonce serves all algorithms, so the counts go on.
            let value = answer(&challenge, "secret", 2 * index as u32 + 1 + u32::from(auth));
            let verdict = challenger.verify(now, [&value[..]], &request(b"body"), secret);
            assert_eq!(verdict, accepted(), "{challenge:?}");
        }
    }
}

#[test]
fn what_is_wrong_is_denied() {
    let now = Instant::now();
    let mut challenger = Challenger::new(now, config(), [1; 32]);
    let mut challenge = offered(&mut challenger, now).swap_remove(2);
    let wrong = answer(&challenge, "guess", 1);
    let right = answer(&challenge, "secret", 1);
    let mut verify =
        |value: &[u8], request: &SignedRequest<'_>| challenger.verify(now, [value], request, secret);
    assert_eq!(verify(&wrong, &request(b"body")), Verdict::Denied);
    let other_method = SignedRequest {
        method: "SUBSCRIBE",
        ..request(b"body")
    };
    assert_eq!(verify(&right, &other_method), Verdict::Denied);
    let other_uri = SignedRequest {
        uri: "sip:bob@example.com",
        ..request(b"body")
    };
    assert_eq!(verify(&right, &other_uri), Verdict::Denied);
    assert_eq!(
        verify(b"Digest realm=\"exam\\\"ple\"", &request(b"")),
        Verdict::Denied
    );
    assert_eq!(verify(b"Basic YQ==", &request(b"")), Verdict::Missing);
    assert_eq!(
        verify(b"Digest realm=\"other\", username=\"alice\"", &request(b"")),
        Verdict::Missing
    );
    challenge.qop.auth = false;
    let signed_body = answer(&challenge, "secret", 1);
    assert_eq!(verify(&signed_body, &request(b"other")), Verdict::Denied);
    assert_eq!(verify(&signed_body, &request(b"body")), accepted());
    assert_eq!(
        challenger.verify(now, [&right[..]], &request(b"body"), |_, _| None),
        Verdict::Denied
    );
}

#[test]
fn of_several_rows_the_one_for_the_realm_counts() {
    let now = Instant::now();
    let mut challenger = Challenger::new(now, config(), [1; 32]);
    let challenge = offered(&mut challenger, now).swap_remove(0);
    let value = answer(&challenge, "secret", 1);
    let rows: [&[u8]; 3] = [b"Bearer x", b"Digest realm=\"proxy\", username=\"x\"", &value];
    assert_eq!(
        challenger.verify(now, rows, &request(b"body"), secret),
        accepted()
    );
}

#[test]
fn a_replay_an_old_nonce_and_a_foreign_one_are_stale() {
    let now = Instant::now();
    let mut challenger = Challenger::new(now, config(), [1; 32]);
    let challenge = offered(&mut challenger, now).swap_remove(0);
    let first = answer(&challenge, "secret", 1);
    let second = answer(&challenge, "secret", 2);
    let at_end = now + Duration::from_secs(60);
    let mut verify = |now, value: &[u8]| challenger.verify(now, [value], &request(b"body"), secret);
    assert_eq!(verify(now, &first), accepted());
    assert_eq!(verify(now, &first), Verdict::Stale);
    assert_eq!(verify(at_end, &second), accepted());
    let third = answer(&challenge, "secret", 3);
    assert_eq!(verify(at_end + Duration::from_millis(1), &third), Verdict::Stale);
    let restarted = &mut Challenger::new(now, config(), [2; 32]);
    assert_eq!(
        restarted.verify(now, [&third[..]], &request(b"body"), secret),
        Verdict::Stale
    );
    let row = restarted.challenges(now, true).swap_remove(0);
    assert!(Challenge::parse(&row).unwrap().stale);
}

/// R3903-77: they could be replayed.
#[test]
fn r3903_77_credentials_without_the_offered_qop_are_denied() {
    let now = Instant::now();
    let mut challenger = Challenger::new(now, config(), [1; 32]);
    let mut challenge = offered(&mut challenger, now).swap_remove(0);
    challenge.qop = crate::Qop::default();
    let value = answer(&challenge, "secret", 1);
    assert_eq!(
        challenger.verify(now, [&value[..]], &request(b"body"), secret),
        Verdict::Denied
    );
}

#[test]
fn rfc_7616_section_3_5_both_know_the_secret() {
    let now = Instant::now();
    let mut challenger = Challenger::new(now, config(), [1; 32]);
    let all = offered(&mut challenger, now);
    let challenge = choose(&all[4..], false)[0];
    let ha1 = challenge.ha1("alice", "secret").unwrap();
    let ours = Answer {
        challenge,
        username: "alice",
        method: "PUBLISH",
        uri: URI,
        body: b"body",
        nc: 1,
        cnonce: "c\"c",
    };
    let mut value = Vec::new();
    assert!(ours.write(&ha1, &mut value));
    let header = challenger
        .authentication_info(now, [&value[..]], b"answer", &ha1, true)
        .unwrap();
    let info = AuthenticationInfo::parse(&header);
    assert_eq!(info.cnonce.as_deref(), Some("c\"c"));
    assert_eq!(info.nc, Some(1));
    assert!(info.nextnonce.is_some());
    assert_eq!(ours.is_confirmed_by(&info, b"answer", &ha1), Some(true));
    let other = Ha1::new(Hash::Sha512_256, "alice", r#"exam"ple"#, "other");
    assert_eq!(ours.is_confirmed_by(&info, b"answer", &other), Some(false));
    assert_eq!(
        ours.is_confirmed_by(&AuthenticationInfo::default(), b"", &ha1),
        None
    );
}
