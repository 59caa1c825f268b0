//! The server side: issuing challenges and verifying credentials (RFC 7616 §3.6, RFC 8760 §2.3).

use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::algorithm::{Algorithm, Digest};
use crate::answer::{Ha1, Terms, nc_digits};
use crate::nonce::{NonceMint, Seen};
use crate::params::{escape_into, split, unescape};

/// What is asked of clients.
#[derive(Clone, Debug)]
pub struct ChallengerConfig {
    /// The realm, in plain text.
    pub realm: String,
    /// The algorithms offered, the most preferred first.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is good.
    pub nonce_lifetime: Duration,
    /// Also offer `auth-int`.
    pub auth_int: bool,
    /// The `uri` parameter must equal the Request-URI byte for byte. SIP allows a difference,
    /// since a proxy may have changed the latter (RFC 8760 §2.6 (6)).
    pub same_uri: bool,
    /// For how many nonces the counts seen are kept. The oldest are answered `stale`.
    pub remembered_nonces: usize,
}

impl Default for ChallengerConfig {
    fn default() -> Self {
        ChallengerConfig {
            realm: "localhost".to_owned(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_lifetime: Duration::from_secs(300),
            auth_int: false,
            same_uri: true,
            remembered_nonces: 8192,
        }
    }
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The credentials are right; the user's name.
    Accepted(String),
    /// Right, but with a nonce that is too old, or a count already used: challenge again with `stale`.
    Stale,
    /// There are credentials for this realm, and they are wrong.
    Denied,
    /// There are none for this realm.
    Missing,
}

/// Issues challenges for one realm and verifies the answers.
pub struct Challenger {
    config: ChallengerConfig,
    mint: NonceMint,
    seen: Seen,
}

/// The parameters of a set of credentials, as they stood between the quotes.
#[derive(Default)]
struct Credentials<'a> {
    username: Option<&'a str>,
    realm: Option<&'a str>,
    nonce: Option<&'a str>,
    uri: Option<&'a str>,
    response: Option<&'a str>,
    algorithm: Option<&'a str>,
    cnonce: Option<&'a str>,
    qop: Option<&'a str>,
    nc: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    fn parse(value: &'a [u8]) -> Option<Credentials<'a>> {
        let (scheme, params) = split(value)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut found = Credentials::default();
        for param in params {
            let slot = match param.name.to_ascii_lowercase().as_str() {
                "username" => &mut found.username,
                "realm" => &mut found.realm,
                "nonce" => &mut found.nonce,
                "uri" => &mut found.uri,
                "response" => &mut found.response,
                "algorithm" => &mut found.algorithm,
                "cnonce" => &mut found.cnonce,
                "qop" => &mut found.qop,
                "nc" => &mut found.nc,
                _ => continue,
            };
            slot.get_or_insert(param.value);
        }
        Some(found)
    }
}

impl Challenger {
    /// `seed` keys the nonces: unpredictable in earnest, fixed in a simulation.
    #[must_use]
    pub fn new(now: Instant, config: ChallengerConfig, seed: [u8; 32]) -> Challenger {
        Challenger {
            seen: Seen::new(config.remembered_nonces),
            mint: NonceMint::new(now, seed),
            config,
        }
    }

    /// The realm, in plain text.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.config.realm
    }

    /// The values of the WWW-Authenticate rows of a 401, one for each algorithm.
    pub fn challenges(&mut self, now: Instant, stale: bool) -> Vec<Vec<u8>> {
        let nonce = self.mint.issue(now);
        let config = &self.config;
        let row = |algorithm: &Algorithm| {
            let mut value = b"Digest realm=\"".to_vec();
            escape_into(&config.realm, &mut value);
            value.extend_from_slice(b"\", nonce=\"");
            value.extend_from_slice(nonce.as_bytes());
            value.extend_from_slice(b"\", algorithm=");
            value.extend_from_slice(algorithm.token().as_bytes());
            value.extend_from_slice(if config.auth_int {
                b", qop=\"auth,auth-int\""
            } else {
                b", qop=\"auth\""
            });
            if stale {
                value.extend_from_slice(b", stale=true");
            }
            value
        };
        config.algorithms.iter().map(row).collect()
    }

    /// Verifies the credentials of a request. `values` are its Authorization rows; `secret` knows
    /// the users, and is asked with a name and the algorithm for the matching [`Ha1`].
    ///
    /// Credentials without `qop` (RFC 2069) are denied: it is always offered, and without it they
    /// could be replayed for as long as the nonce lives.
    pub fn verify<'a>(
        &mut self,
        now: Instant,
        values: impl IntoIterator<Item = &'a [u8]>,
        request: &SignedRequest<'_>,
        secret: impl FnOnce(&str, Algorithm) -> Option<Ha1>,
    ) -> Verdict {
        match self.ours(values) {
            Some(credentials) => self
                .judge(now, &credentials, request, secret)
                .unwrap_or(Verdict::Denied),
            None => Verdict::Missing,
        }
    }

    /// The credentials for this realm among those of a request.
    fn ours<'a>(&self, values: impl IntoIterator<Item = &'a [u8]>) -> Option<Credentials<'a>> {
        values.into_iter().filter_map(Credentials::parse).find(|found| {
            found
                .realm
                .is_some_and(|realm| unescape(realm) == self.config.realm)
        })
    }

    fn judge(
        &mut self,
        now: Instant,
        given: &Credentials<'_>,
        request: &SignedRequest<'_>,
        secret: impl FnOnce(&str, Algorithm) -> Option<Ha1>,
    ) -> Option<Verdict> {
        let algorithm = Algorithm::from_token(given.algorithm.unwrap_or("MD5"))
            .filter(|algorithm| self.config.algorithms.contains(algorithm))?;
        let (username, uri) = (unescape(given.username?), unescape(given.uri?));
        let (nonce, cnonce) = (unescape(given.nonce?), unescape(given.cnonce.unwrap_or("")));
        let qop = given.qop?;
        let known = |qop: &str| {
            qop.eq_ignore_ascii_case("auth") || (self.config.auth_int && qop.eq_ignore_ascii_case("auth-int"))
        };
        let nc_text = given.nc.unwrap_or("");
        if !known(qop) || given.cnonce.is_none() || (self.config.same_uri && uri != request.uri) {
            return None;
        }
        let ha1 = secret(&username, algorithm).filter(|ha1| ha1.hash() == algorithm.hash())?;
        let expected = Terms {
            algorithm,
            nonce: &nonce,
            cnonce: &cnonce,
            nc: nc_text.as_bytes(),
            qop: Some(qop),
            method: request.method,
            uri: &uri,
            body: request.body,
        }
        .response(&ha1);
        let response = Digest::from_hex(given.response?.as_bytes())?;
        if !bool::from(response.as_bytes().ct_eq(expected.as_bytes())) {
            return None;
        }
        // From here on the peer knows the password, so it may be told about nonces (and a nonce
        // that is not ours is one of a time before a restart).
        let Some(issued) = self.mint.read(&nonce) else {
            return Some(Verdict::Stale);
        };
        if self.mint.age(now, issued) > self.config.nonce_lifetime {
            return Some(Verdict::Stale);
        }
        let count = parse_nc(nc_text)?;
        if !self.seen.note(issued.serial, count) {
            return Some(Verdict::Stale);
        }
        Some(Verdict::Accepted(username.into_owned()))
    }

    /// The value of an Authentication-Info header for an accepted request (RFC 7616 §3.5):
    /// `rspauth` over `body`, the body of the response, and if `next_nonce` a fresh nonce. `values`
    /// are the request's Authorization rows; `None` if there is none for this realm with `qop`.
    #[must_use]
    pub fn authentication_info<'a>(
        &mut self,
        now: Instant,
        values: impl IntoIterator<Item = &'a [u8]>,
        body: &[u8],
        ha1: &Ha1,
        next_nonce: bool,
    ) -> Option<Vec<u8>> {
        let given = self.ours(values)?;
        let algorithm = Algorithm::from_token(given.algorithm.unwrap_or("MD5"))?;
        let (qop, nc) = (given.qop?, nc_digits(parse_nc(given.nc?)?));
        let rspauth = Terms {
            algorithm,
            nonce: &unescape(given.nonce?),
            cnonce: &unescape(given.cnonce?),
            nc: &nc,
            qop: Some(qop),
            method: "",
            uri: &unescape(given.uri?),
            body,
        }
        .response(ha1);
        let mut out = b"rspauth=\"".to_vec();
        out.extend_from_slice(rspauth.as_bytes());
        out.extend_from_slice(b"\", cnonce=\"");
        escape_into(&unescape(given.cnonce?), &mut out);
        out.extend_from_slice(b"\", qop=");
        out.extend(qop.bytes().filter(u8::is_ascii_graphic));
        out.extend_from_slice(b", nc=");
        out.extend_from_slice(&nc);
        if next_nonce {
            out.extend_from_slice(b", nextnonce=\"");
            out.extend_from_slice(self.mint.issue(now).as_bytes());
            out.push(b'"');
        }
        Some(out)
    }
}

/// What a client signs of a request.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The Request-URI as it stands.
    pub uri: &'a str,
    /// The body; matters for `auth-int`.
    pub body: &'a [u8],
}

fn parse_nc(text: &str) -> Option<u32> {
    (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
