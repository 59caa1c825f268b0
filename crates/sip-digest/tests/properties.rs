//! Nothing that a peer sends makes the digest code panic, and what it writes it can read.

use std::time::Instant;

use proptest::prelude::*;
use sip_digest::{
    Algorithm, Answer, AuthenticationInfo, Challenge, Challenger, ChallengerConfig, Ha1, SignedRequest,
    Verdict,
};

fn nearly_digest() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("Digest ".to_owned()),
        Just("realm=\"localhost\"".to_owned()),
        Just("nonce=\"".to_owned()),
        Just("algorithm=SHA-256".to_owned()),
        Just("qop=auth-int".to_owned()),
        Just("response=\"d41d8cd98f00b204e9800998ecf8427e\"".to_owned()),
        Just("username=u,uri=x,nc=00000001,cnonce=\"\"".to_owned()),
        Just("\\\"".to_owned()),
        Just(", ".to_owned()),
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn visible(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[ -~äö]{{0,{max}}}")).unwrap()
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Challenge::parse(&bytes);
        let _ = AuthenticationInfo::parse(&bytes);
    }

    #[test]
    fn nearly_right_text_is_survived(text in nearly_digest()) {
        let _ = AuthenticationInfo::parse(text.as_bytes());
        if let Some(challenge) = Challenge::parse(text.as_bytes())
            && let Some(ha1) = challenge.ha1("u", "p")
        {
            let mut out = Vec::new();
            let answer = Answer { challenge: &challenge, username: "u", method: "M", uri: "x", body: b"", nc: 1, cnonce: "c" };
            answer.write(&ha1, &mut out);
        }
        let now = Instant::now();
        let mut challenger = Challenger::new(now, ChallengerConfig::default(), [0; 32]);
        let request = SignedRequest { method: "M", uri: "x", body: b"" };
        let verdict = challenger.verify(now, [text.as_bytes()], &request, |name, algorithm| {
            Some(Ha1::new(algorithm.hash(), name, "localhost", "p"))
        });
        prop_assert!(!matches!(verdict, Verdict::Accepted(_)));
    }

    #[test]
    fn what_is_written_is_accepted(
        realm in visible(12), username in visible(12), password in visible(12),
        cnonce in "[ -~]{1,12}", uri in "sip:[ -~]{0,12}", body in proptest::collection::vec(any::<u8>(), 0..20),
        which in 0..6usize, auth_int in any::<bool>(), nc in 1u32..,
    ) {
        let now = Instant::now();
        let config = ChallengerConfig { realm: realm.clone(), algorithms: vec![Algorithm::ALL[which]], auth_int, ..ChallengerConfig::default() };
        let mut challenger = Challenger::new(now, config, [3; 32]);
        let mut challenge = Challenge::parse(&challenger.challenges(now, false)[0]).unwrap();
        challenge.qop.auth = !auth_int;
        prop_assert_eq!(&*challenge.realm_text(), realm.as_str());
        let ha1 = challenge.ha1(&username, &password).unwrap();
        let mut value = Vec::new();
        let answer = Answer { challenge: &challenge, username: &username, method: "PUBLISH", uri: &uri, body: &body, nc, cnonce: &cnonce };
        prop_assert!(answer.write(&ha1, &mut value));
        let request = SignedRequest { method: "PUBLISH", uri: &uri, body: &body };
        let verdict = challenger.verify(now, [&value[..]], &request, |name, _| (name == username).then_some(ha1));
        prop_assert_eq!(verdict, Verdict::Accepted(username));
    }
}
