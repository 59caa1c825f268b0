//! Challenges: what stands in WWW-Authenticate and Proxy-Authenticate (RFC 7616 §3.3).

use crate::algorithm::{Algorithm, Hash};
use crate::answer::Ha1;
use crate::params;

/// The values of the `qop` parameter that are understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qop {
    /// The parameter was there. Without it the form of RFC 2069 is used.
    pub present: bool,
    /// `auth` was listed.
    pub auth: bool,
    /// `auth-int` was listed.
    pub auth_int: bool,
}

impl Qop {
    fn parse(value: &str) -> Qop {
        let mut qop = Qop::default();
        for token in value.split(|c: char| c == ',' || c.is_ascii_whitespace()) {
            if token.is_empty() {
                continue;
            }
            qop.present = true;
            qop.auth |= token.eq_ignore_ascii_case("auth");
            qop.auth_int |= token.eq_ignore_ascii_case("auth-int");
        }
        qop
    }
}

/// One Digest challenge. The strings are as they stood between the quotes, escapes included, so
/// that they are echoed byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The realm; see [`Challenge::realm_text`] for looking credentials up.
    pub realm: String,
    /// The nonce.
    pub nonce: String,
    /// To be returned unchanged.
    pub opaque: Option<String>,
    /// The algorithm; MD5 if the challenge named none, `None` if it named an unknown one.
    pub algorithm: Option<Algorithm>,
    /// The algorithm as it was named, to be echoed; `None`: not named, not to be named in the answer.
    pub algorithm_token: Option<String>,
    /// The offered qualities of protection.
    pub qop: Qop,
    /// Only the nonce was refused: the credentials may be right (RFC 7616 §3.3).
    pub stale: bool,
    /// The user name is wanted hashed (RFC 7616 §3.4.4).
    pub userhash: bool,
}

impl Challenge {
    /// Reads a header value, e.g. `Digest realm="example.com", nonce="..."`. `None` for other
    /// schemes and without a nonce or realm. Unknown parameters are ignored; of a repeated
    /// parameter the first counts. If a row holds several challenges, which SIP forbids, the first
    /// is read.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Challenge> {
        let (scheme, params) = params::split(value)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let (mut realm, mut nonce, mut opaque, mut algorithm) = (None, None, None, None);
        let (mut qop, mut stale, mut userhash) = (None, None, None);
        for param in params {
            let slot = match param.name {
                name if name.eq_ignore_ascii_case("realm") => &mut realm,
                name if name.eq_ignore_ascii_case("nonce") => &mut nonce,
                name if name.eq_ignore_ascii_case("opaque") => &mut opaque,
                name if name.eq_ignore_ascii_case("algorithm") => &mut algorithm,
                name if name.eq_ignore_ascii_case("qop") => &mut qop,
                name if name.eq_ignore_ascii_case("stale") => &mut stale,
                name if name.eq_ignore_ascii_case("userhash") => &mut userhash,
                _ => continue,
            };
            slot.get_or_insert(param.value);
        }
        // An empty algorithm is as good as none.
        let algorithm = algorithm.filter(|token| !token.is_empty());
        Some(Challenge {
            realm: realm?.to_owned(),
            nonce: nonce?.to_owned(),
            opaque: opaque.map(str::to_owned),
            algorithm: algorithm.map_or(Some(Algorithm::Md5), Algorithm::from_token),
            algorithm_token: algorithm.map(str::to_owned),
            qop: qop.map(Qop::parse).unwrap_or_default(),
            stale: stale.is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
            userhash: userhash.is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
        })
    }

    /// The realm with its escapes resolved: the name by which credentials are kept.
    #[must_use]
    pub fn realm_text(&self) -> std::borrow::Cow<'_, str> {
        params::unescape(&self.realm)
    }

    /// Whether it can be answered: a known algorithm, and no `qop`, or one that is known.
    #[must_use]
    pub fn is_answerable(&self) -> bool {
        self.algorithm.is_some()
            && self
                .algorithm_token
                .as_deref()
                .is_none_or(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
            && (!self.qop.present || self.qop.auth || self.qop.auth_int)
    }

    /// H(user ":" realm ":" password) for this challenge; `None` if its algorithm is not known.
    /// Good for every challenge of the same realm and hash.
    #[must_use]
    pub fn ha1(&self, username: &str, password: &str) -> Option<Ha1> {
        let hash = self.algorithm?.hash();
        Some(Ha1::new(hash, username, &self.realm_text(), password))
    }
}

/// Of the challenges of one response those to answer: for each realm the topmost that can be
/// answered (RFC 8760 §2.4), in the order of the response. `allow_md5` false leaves MD5 out.
#[must_use]
pub fn choose(challenges: &[Challenge], allow_md5: bool) -> Vec<&Challenge> {
    let mut chosen: Vec<&Challenge> = Vec::new();
    for challenge in challenges {
        let allowed = challenge
            .algorithm
            .is_some_and(|algorithm| allow_md5 || algorithm.hash() != Hash::Md5);
        if allowed && challenge.is_answerable() && !chosen.iter().any(|taken| taken.realm == challenge.realm)
        {
            chosen.push(challenge);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Challenge {
        Challenge::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn rfc_7616_section_3_3_reads_a_challenge() {
        let challenge = parse(
            "Digest\r\n realm=\"http-auth@example.org\",\r\n qop=\"auth, auth-int\",\r\n algorithm=SHA-256,\r\n nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",\r\n opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        );
        assert_eq!(challenge.realm, "http-auth@example.org");
        assert_eq!(challenge.algorithm, Some(Algorithm::Sha256));
        assert!(challenge.qop.present && challenge.qop.auth && challenge.qop.auth_int);
        assert!(!challenge.stale && !challenge.userhash);
        assert_eq!(
            challenge.opaque.as_deref(),
            Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS")
        );
    }

    #[test]
    fn everything_quoted_or_nothing_quoted() {
        let a = parse(r#"digest realm="r", nonce="n", algorithm="md5", stale="TRUE", qop="auth", x="y""#);
        let b = parse("DIGEST realm=r,nonce=n,algorithm=md5,stale=True,qop=auth,x=y");
        assert_eq!(a, b);
        assert!(a.stale);
        assert_eq!(a.algorithm, Some(Algorithm::Md5));
        assert_eq!(a.algorithm_token.as_deref(), Some("md5"));
    }

    #[test]
    fn an_absent_algorithm_is_md5_and_not_named() {
        let challenge = parse(r#"Digest realm="r", nonce="n""#);
        assert_eq!(challenge.algorithm, Some(Algorithm::Md5));
        assert_eq!(challenge.algorithm_token, None);
        assert!(!challenge.qop.present);
        assert!(challenge.is_answerable());
    }

    #[test]
    fn escapes_stay_for_the_echo() {
        let challenge = parse(r#"Digest realm="a\"b", nonce="n\\", opaque="\o""#);
        assert_eq!(challenge.realm, r#"a\"b"#);
        assert_eq!(challenge.realm_text(), r#"a"b"#);
        assert_eq!(challenge.nonce, r"n\\");
        assert_eq!(challenge.opaque.as_deref(), Some(r"\o"));
    }

    #[test]
    fn other_schemes_and_broken_ones_are_none() {
        for text in [
            r#"Basic realm="r""#,
            "",
            "Digest",
            r#"Digest realm="r""#,
            r#"Digest nonce="n""#,
            r#"Digestive realm="r", nonce="n""#,
            r#"Digest realm="r, nonce="#,
        ] {
            assert_eq!(Challenge::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Challenge::parse(b"Digest realm=\"\xff\", nonce=\"n\""), None);
    }

    #[test]
    fn the_first_of_several_in_one_row() {
        let challenge = parse(r#"Digest realm="a", nonce="1", Digest realm="b", nonce="2""#);
        assert_eq!((challenge.realm.as_str(), challenge.nonce.as_str()), ("a", "1"));
    }

    #[test]
    fn rfc_8760_section_2_4_topmost_supported_of_each_realm() {
        let offered = [
            parse(r#"Digest realm="a", nonce="1", algorithm=AKAv1-MD5, qop="auth""#),
            parse(r#"Digest realm="a", nonce="2", algorithm=SHA-256, qop="token""#),
            parse(r#"Digest realm="a", nonce="3", algorithm=SHA-512-256, qop="auth""#),
            parse(r#"Digest realm="a", nonce="4", algorithm=MD5, qop="auth""#),
            parse(r#"Digest realm="b", nonce="5""#),
        ];
        let nonces = |md5| {
            choose(&offered, md5)
                .iter()
                .map(|challenge| challenge.nonce.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(nonces(true), ["3", "5"]);
        assert_eq!(nonces(false), ["3"]);
    }
}
