//! Credentials: what stands in Authorization and Proxy-Authorization (RFC 7616 §3.4).

use std::fmt;

use subtle::ConstantTimeEq;

use crate::algorithm::{Algorithm, Digest, Hash};
use crate::challenge::Challenge;
use crate::info::AuthenticationInfo;
use crate::params::{escape_into, unescape};

/// H(user ":" realm ":" password): all that is needed of a password for one realm and hash.
/// As good as the password there, so `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ha1 {
    hash: Hash,
    digest: Digest,
}

impl Ha1 {
    /// From a password; `realm` with its escapes resolved.
    #[must_use]
    pub fn new(hash: Hash, username: &str, realm: &str, password: &str) -> Ha1 {
        let parts: [&[u8]; 5] = [
            username.as_bytes(),
            b":",
            realm.as_bytes(),
            b":",
            password.as_bytes(),
        ];
        Ha1 {
            hash,
            digest: hash.of(&parts),
        }
    }

    /// From its hexadecimal digits, as configuration files keep it; `None` if their number does
    /// not fit the hash.
    #[must_use]
    pub fn from_hex(hash: Hash, digits: &str) -> Option<Ha1> {
        if digits.len() != hash.digits() {
            return None;
        }
        Digest::from_hex(digits.as_bytes()).map(|digest| Ha1 { hash, digest })
    }

    /// The hash it was made with.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({:?}, ..)", self.hash)
    }
}

/// What a response value is computed over, besides A1.
pub(crate) struct Terms<'a> {
    pub(crate) algorithm: Algorithm,
    /// All strings unquoted and with the escapes resolved.
    pub(crate) nonce: &'a str,
    pub(crate) cnonce: &'a str,
    /// The eight digits as sent.
    pub(crate) nc: &'a [u8],
    /// `None`: the form of RFC 2069.
    pub(crate) qop: Option<&'a str>,
    /// Empty for `rspauth`.
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) body: &'a [u8],
}

impl Terms<'_> {
    /// The `response` or `rspauth` value (RFC 7616 §3.4.1, §3.5; RFC 2069 §2.1.2 without qop).
    pub(crate) fn response(&self, ha1: &Ha1) -> Digest {
        let hash = self.algorithm.hash();
        let nonce = self.nonce.as_bytes();
        let cnonce = self.cnonce.as_bytes();
        let a1 = if self.algorithm.is_session() {
            hash.of(&[ha1.digest.as_bytes(), b":", nonce, b":", cnonce])
        } else {
            ha1.digest
        };
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let a2 = if self.qop.is_some_and(is_auth_int) {
            let body = hash.of(&[self.body]);
            hash.of(&[method, b":", uri, b":", body.as_bytes()])
        } else {
            hash.of(&[method, b":", uri])
        };
        match self.qop {
            Some(qop) => hash.of(&[
                a1.as_bytes(),
                b":",
                nonce,
                b":",
                self.nc,
                b":",
                cnonce,
                b":",
                qop.as_bytes(),
                b":",
                a2.as_bytes(),
            ]),
            None => hash.of(&[a1.as_bytes(), b":", nonce, b":", a2.as_bytes()]),
        }
    }
}

pub(crate) fn is_auth_int(qop: &str) -> bool {
    qop.eq_ignore_ascii_case("auth-int")
}

/// The eight lower-case hexadecimal digits of a nonce count.
pub(crate) fn nc_digits(nc: u32) -> [u8; 8] {
    let mut digits = *b"00000000";
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        let nibble = (nc >> (4 * place)) as u8 & 15;
        *digit = if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        };
    }
    digits
}

/// The answer to a challenge for one request.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What is answered.
    pub challenge: &'a Challenge,
    /// The user name in plain text.
    pub username: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The Request-URI exactly as sent.
    pub uri: &'a str,
    /// The body as sent; matters for `auth-int` only.
    pub body: &'a [u8],
    /// The nonce count: 1 for the first request with this nonce, one more for each further one.
    pub nc: u32,
    /// Random, in printable ASCII. For a `-sess` algorithm keep one for as long as the nonce
    /// is used (RFC 7616 §3.4.2). Not sent if the challenge has no `qop`.
    pub cnonce: &'a str,
}

impl Answer<'_> {
    /// Appends the header value, `Digest username=...`, without a line end. If both qualities are
    /// offered, `auth` is taken. Writes nothing and says `false` if the challenge is not
    /// [answerable](Challenge::is_answerable) or `ha1` was made with another hash.
    pub fn write(&self, ha1: &Ha1, out: &mut Vec<u8>) -> bool {
        let challenge = self.challenge;
        let Some(terms) = self.terms().filter(|terms| terms.algorithm.hash() == ha1.hash) else {
            return false;
        };
        let response = terms.response(self.method, terms.qop, self.body, ha1);
        out.extend_from_slice(b"Digest username=\"");
        if challenge.userhash {
            let realm = challenge.realm_text();
            let name = terms
                .algorithm
                .hash()
                .of(&[self.username.as_bytes(), b":", realm.as_bytes()]);
            out.extend_from_slice(name.as_bytes());
        } else {
            escape_into(self.username, out);
        }
        raw(out, "\", realm=\"", &challenge.realm);
        raw(out, "\", nonce=\"", &challenge.nonce);
        out.extend_from_slice(b"\", uri=\"");
        escape_into(self.uri, out);
        out.extend_from_slice(b"\", response=\"");
        out.extend_from_slice(response.as_bytes());
        out.push(b'"');
        if let Some(token) = &challenge.algorithm_token {
            raw(out, ", algorithm=", token);
        }
        // RFC 2617 §3.2.2: without qop there is no cnonce, except that -sess cannot do without.
        if terms.qop.is_some() || terms.algorithm.is_session() {
            out.extend_from_slice(b", cnonce=\"");
            escape_into(self.cnonce, out);
            out.push(b'"');
        }
        if let Some(opaque) = &challenge.opaque {
            raw(out, ", opaque=\"", opaque);
            out.push(b'"');
        }
        if let Some(qop) = terms.qop {
            raw(out, ", qop=", qop);
            out.extend_from_slice(b", nc=");
            out.extend_from_slice(&nc_digits(self.nc));
        }
        if challenge.userhash {
            out.extend_from_slice(b", userhash=true");
        }
        true
    }

    /// Whether the server proved in `info`, received with `body`, that it knows the secret too
    /// (RFC 7616 §3.5). `None` if it did not try.
    #[must_use]
    pub fn is_confirmed_by(&self, info: &AuthenticationInfo, body: &[u8], ha1: &Ha1) -> Option<bool> {
        let rspauth = info.rspauth.as_deref()?;
        let (terms, expected) = (self.terms()?, Digest::from_hex(rspauth.as_bytes()));
        let qop = info.qop.as_deref().or(terms.qop).filter(|_| terms.qop.is_some());
        let ours = terms.response("", qop, body, ha1);
        Some(expected.is_some_and(|theirs| bool::from(theirs.as_bytes().ct_eq(ours.as_bytes()))))
    }

    fn terms(&self) -> Option<OwnedTerms<'_>> {
        let challenge = self.challenge;
        if !challenge.is_answerable() {
            return None;
        }
        let qop = match challenge.qop {
            qop if qop.auth => Some("auth"),
            qop if qop.auth_int => Some("auth-int"),
            _ => None,
        };
        Some(OwnedTerms {
            algorithm: challenge.algorithm?,
            nonce: unescape(&challenge.nonce),
            nc: nc_digits(self.nc),
            qop,
            answer: self,
        })
    }
}

fn raw(out: &mut Vec<u8>, before: &str, value: &str) {
    out.extend_from_slice(before.as_bytes());
    out.extend(value.bytes().filter(|byte| *byte >= b' ' && *byte != 0x7f));
}

/// [`Terms`] that own what had to be made.
struct OwnedTerms<'a> {
    algorithm: Algorithm,
    nonce: std::borrow::Cow<'a, str>,
    nc: [u8; 8],
    qop: Option<&'static str>,
    answer: &'a Answer<'a>,
}

impl OwnedTerms<'_> {
    fn response(&self, method: &str, qop: Option<&str>, body: &[u8], ha1: &Ha1) -> Digest {
        Terms {
            algorithm: self.algorithm,
            nonce: &self.nonce,
            cnonce: self.answer.cnonce,
            nc: &self.nc,
            qop,
            method,
            uri: self.answer.uri,
            body,
        }
        .response(ha1)
    }
}

#[cfg(test)]
mod tests;
