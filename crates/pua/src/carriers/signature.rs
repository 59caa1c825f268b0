//! The signature of webhooks: `X-Pua-Signature: t=1700000000,v1=5257a8...`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::config::Secret;

/// The header's value: the time of sending in seconds since 1970, and the HMAC-SHA-256 (RFC 2104)
/// of that number, a dot, and the body, in hexadecimal digits.
pub(super) fn sign(secret: &Secret, unix: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return format!("t={unix}");
    };
    mac.update(unix.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={unix},v1={}", hex(&mac.finalize().into_bytes()))
}

/// A name for a delivery that is the same for each attempt: a receiver that has seen it can pass
/// it over.
pub(super) fn delivery(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    hex(digest.get(..16).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_as_others_make_it() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac topsecret
        let signature = sign(&Secret::new("topsecret"), 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(
            signature,
            "t=1700000000,v1=6a939b0c71853d606167625a15168ee9188c6a511c773ef4f42d307f3849e50f"
        );
    }
}
