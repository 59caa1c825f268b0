//! The digest algorithms of RFC 8760 §2.7 and the hashes under them.

use md5::Digest as _;
use md5::Md5;
use sha2::{Sha256, Sha512_256};

/// A hash function of the registry "Hash Algorithms for HTTP Digest Authentication".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hash {
    /// MD5, kept for old servers.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256: SHA-512 with its own initial value, cut to 256 bits.
    Sha512_256,
}

/// The value of the `algorithm` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `MD5-sess`
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
    /// `SHA-512-256`
    Sha512_256,
    /// `SHA-512-256-sess`
    Sha512_256Sess,
}

impl Algorithm {
    /// All, in the order of the registry.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::Md5,
        Algorithm::Md5Sess,
        Algorithm::Sha256,
        Algorithm::Sha256Sess,
        Algorithm::Sha512_256,
        Algorithm::Sha512_256Sess,
    ];

    /// The algorithm that `token` names, in any case; `None` if it is not known.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Algorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.token().eq_ignore_ascii_case(token))
    }

    /// The token as RFC 8760 writes it.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    /// The hash function under it.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => Hash::Md5,
            Algorithm::Sha256 | Algorithm::Sha256Sess => Hash::Sha256,
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => Hash::Sha512_256,
        }
    }

    /// Whether A1 takes in the nonces (RFC 7616 §3.4.2).
    #[must_use]
    pub const fn is_session(self) -> bool {
        matches!(
            self,
            Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512_256Sess
        )
    }
}

/// A hash value in lower-case hexadecimal digits, as digest uses it: 32 or 64 of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    digits: [u8; 64],
    len: u8,
}

impl Digest {
    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Reads 32 or 64 hexadecimal digits in any case.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Digest> {
        let mut digest = Digest {
            digits: [0; 64],
            len: u8::try_from(text.len()).ok()?,
        };
        if !matches!(text.len(), 32 | 64) || !text.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (to, from) in digest.digits.iter_mut().zip(text) {
            *to = from.to_ascii_lowercase();
        }
        Some(digest)
    }

    fn of(bytes: &[u8]) -> Digest {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digest = Digest {
            digits: [0; 64],
            len: 0,
        };
        let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for (to, nibble) in digest.digits.iter_mut().zip(nibbles) {
            *to = DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            digest.len += 1;
        }
        digest
    }
}

impl Hash {
    /// The number of hexadecimal digits of its values.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Hash::Md5 => 32,
            Hash::Sha256 | Hash::Sha512_256 => 64,
        }
    }

    /// H(parts concatenated).
    #[must_use]
    pub fn of(self, parts: &[&[u8]]) -> Digest {
        fn run<D: md5::Digest>(parts: &[&[u8]]) -> Digest {
            let mut hasher = D::new();
            for part in parts {
                hasher.update(part);
            }
            Digest::of(&hasher.finalize())
        }
        match self {
            Hash::Md5 => run::<Md5>(parts),
            Hash::Sha256 => run::<Sha256>(parts),
            Hash::Sha512_256 => run::<Sha512_256>(parts),
        }
    }
}

/// HMAC-SHA-256 (RFC 2104) with a 32-byte key, for nonces.
pub(crate) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut inner_pad = [0x36u8; 64];
    let mut outer_pad = [0x5cu8; 64];
    for ((inner, outer), byte) in inner_pad.iter_mut().zip(outer_pad.iter_mut()).zip(key) {
        *inner ^= byte;
        *outer ^= byte;
    }
    let inner = Sha256::new()
        .chain_update(inner_pad)
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(outer_pad)
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(digest: Digest) -> String {
        String::from_utf8(digest.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_hash_of_an_empty_body() {
        assert_eq!(text(Hash::Md5.of(&[])), "d41d8cd98f00b204e9800998ecf8427e");
        // RFC 8760 §2.6 (7).
        assert_eq!(
            text(Hash::Sha256.of(&[b""])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        // FIPS 180-4: not the first half of SHA-512.
        assert_eq!(
            text(Hash::Sha512_256.of(&[])),
            "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
        );
        for hash in [Hash::Md5, Hash::Sha256, Hash::Sha512_256] {
            assert_eq!(hash.of(&[]).as_bytes().len(), hash.digits());
        }
    }

    #[test]
    fn algorithm_tokens_are_case_insensitive() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_token(algorithm.token()), Some(algorithm));
            assert_eq!(
                Algorithm::from_token(&algorithm.token().to_lowercase()),
                Some(algorithm)
            );
        }
        assert_eq!(Algorithm::from_token("AKAv1-MD5"), None);
    }

    #[test]
    fn hmac_agrees_with_rfc_4231_section_4_4() {
        // Test case 4 has a 25-byte key; padded with zeros it is the same key to HMAC.
        let mut key = [0u8; 32];
        for (byte, value) in key.iter_mut().zip(1..=25) {
            *byte = value;
        }
        let mac = hmac_sha256(&key, &[0xcd; 50]);
        assert_eq!(
            text(Digest::of(&mac)),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        );
    }
}
