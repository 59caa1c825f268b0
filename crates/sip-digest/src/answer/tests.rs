//! The examples of RFC 2069, 2617 and 7616, and the exact form of what is written.

use super::*;

fn challenge(text: &str) -> Challenge {
    Challenge::parse(text.as_bytes()).unwrap()
}

struct Case<'a> {
    challenge: &'a str,
    username: &'a str,
    password: &'a str,
    method: &'a str,
    uri: &'a str,
    body: &'a [u8],
    nc: u32,
    cnonce: &'a str,
}

fn write(case: &Case<'_>) -> String {
    let challenge = challenge(case.challenge);
    let ha1 = challenge.ha1(case.username, case.password).unwrap();
    let mut out = Vec::new();
    let written = Answer {
        challenge: &challenge,
        username: case.username,
        method: case.method,
        uri: case.uri,
        body: case.body,
        nc: case.nc,
        cnonce: case.cnonce,
    }
    .write(&ha1, &mut out);
    assert!(written);
    String::from_utf8(out).unwrap()
}

fn parameter(value: &str, name: &str) -> Option<String> {
    let value = value.strip_prefix("Digest ").unwrap();
    crate::params::Params::of(value.as_bytes())
        .find(|param| param.name == name)
        .map(|param| param.value.to_owned())
}

const MUFASA: Case<'static> = Case {
    challenge: "",
    username: "Mufasa",
    password: "Circle of Life",
    method: "GET",
    uri: "/dir/index.html",
    body: b"",
    nc: 1,
    cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
};

#[test]
fn rfc_7616_section_3_9_1_md5_and_sha_256() {
    let with = |algorithm: &str| {
        let text = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        write(&Case {
            challenge: &text,
            ..MUFASA
        })
    };
    assert_eq!(
        with("MD5"),
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", response=\"8ca523f5e9506fed4657c9700eebdbec\", algorithm=MD5, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", qop=auth, nc=00000001"
    );
    assert_eq!(
        parameter(&with("SHA-256"), "response").unwrap(),
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    );
}

/// The printed values of RFC 7616 §3.9.2 are those of SHA-512 cut in half, not of SHA-512/256;
/// these are the right ones (as its erratum 4897 gives them).
#[test]
fn rfc_7616_section_3_9_2_sha_512_256_and_userhash() {
    let value = write(&Case {
        challenge: "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
        username: "J\u{e4}s\u{f8}n Doe",
        password: "Secret, or not?",
        uri: "/doe.json",
        cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        ..MUFASA
    });
    assert_eq!(
        parameter(&value, "username").unwrap(),
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    );
    assert_eq!(
        parameter(&value, "response").unwrap(),
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    );
    assert!(value.ends_with(", qop=auth, nc=00000001, userhash=true"));
}

#[test]
fn rfc_2617_section_3_5() {
    let value = write(&Case {
        challenge: "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        password: "Circle Of Life",
        cnonce: "0a4f113b",
        ..MUFASA
    });
    assert_eq!(
        value,
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", response=\"6629fae49393a05397450978507c4ef1\", cnonce=\"0a4f113b\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", qop=auth, nc=00000001"
    );
}

/// RFC 2069 §2.4, with the response as its erratum 749 corrects it.
#[test]
fn rfc_2069_section_2_4_without_qop() {
    let value = write(&Case {
        challenge: "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        password: "CircleOfLife",
        ..MUFASA
    });
    assert_eq!(
        value,
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", response=\"1949323746fe6a43ef61f9606e7febea\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
    );
}

#[test]
fn auth_int_hashes_the_body_and_an_empty_one_too() {
    let with = |body: &'static [u8]| {
        write(&Case {
            challenge: "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
            method: "PUBLISH",
            uri: "sip:a@b",
            cnonce: "c",
            body,
            ..MUFASA
        })
    };
    let expected = |body: &[u8]| {
        let hex = |digest: Digest| String::from_utf8(digest.as_bytes().to_vec()).unwrap();
        let h = |text: &str| hex(Hash::Md5.of(&[text.as_bytes()]));
        let a1 = h("Mufasa:r:Circle of Life");
        let a2 = h(&format!("PUBLISH:sip:a@b:{}", hex(Hash::Md5.of(&[body]))));
        h(&format!("{a1}:n:00000001:c:auth-int:{a2}"))
    };
    for body in [&b""[..], b"<presence/>"] {
        let value = with(body);
        assert_eq!(parameter(&value, "response").unwrap(), expected(body));
        assert_eq!(parameter(&value, "qop").unwrap(), "auth-int");
        assert!(value.contains(", qop=auth-int, nc=00000001"));
    }
}

#[test]
fn auth_is_preferred_to_auth_int() {
    let value = write(&Case {
        challenge: "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int,auth\"",
        ..MUFASA
    });
    assert!(value.ends_with(", qop=auth, nc=00000001"));
}

#[test]
fn a_session_algorithm_takes_the_nonces_into_a1() {
    let value = write(&Case {
        challenge: "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=sha-256-SESS",
        cnonce: "c",
        nc: 0x1f,
        ..MUFASA
    });
    let h = |text: &str| String::from_utf8(Hash::Sha256.of(&[text.as_bytes()]).as_bytes().to_vec()).unwrap();
    let a1 = h(&format!("{}:n:c", h("Mufasa:r:Circle of Life")));
    let a2 = h("GET:/dir/index.html");
    assert_eq!(
        parameter(&value, "response").unwrap(),
        h(&format!("{a1}:n:0000001f:c:auth:{a2}"))
    );
    // As the challenge named it.
    assert_eq!(parameter(&value, "algorithm").unwrap(), "sha-256-SESS");
}

#[test]
fn rfc_7616_section_3_4_escapes_are_echoed_and_not_hashed() {
    let value = write(&Case {
        challenge: r#"Digest realm="a\"b", nonce="n\\1", opaque="\o", qop="auth""#,
        username: r#"al"ice\"#,
        cnonce: "c",
        ..MUFASA
    });
    assert!(
        value.starts_with(
            r#"Digest username="al\"ice\\", realm="a\"b", nonce="n\\1", uri="/dir/index.html", response=""#
        ),
        "{value}"
    );
    assert!(value.contains(r#", opaque="\o", "#));
    let h = |text: &str| String::from_utf8(Hash::Md5.of(&[text.as_bytes()]).as_bytes().to_vec()).unwrap();
    let a1 = h("al\"ice\\:a\"b:Circle of Life");
    assert_eq!(
        parameter(&value, "response").unwrap(),
        h(&format!("{a1}:n\\1:00000001:c:auth:{}", h("GET:/dir/index.html")))
    );
}

#[test]
fn no_value_breaks_out_of_the_header() {
    let value = write(&Case {
        challenge: "Digest realm=\"a\r\n b\", nonce=\"n\", qop=\"auth\"",
        username: "x\r\nVia: y",
        uri: "sip:a\r\n@b",
        cnonce: "c\n",
        ..MUFASA
    });
    assert!(value.bytes().all(|byte| byte >= b' '), "{value:?}");
}

#[test]
fn nothing_is_written_for_what_cannot_be_answered() {
    let mut out = Vec::new();
    for text in [
        "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5",
        "Digest realm=\"r\", nonce=\"n\", qop=\"token\"",
        // The secret below is one for MD5.
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256",
    ] {
        let challenge = challenge(text);
        let answer = Answer {
            challenge: &challenge,
            username: "u",
            method: "PUBLISH",
            uri: "sip:a@b",
            body: b"",
            nc: 1,
            cnonce: "c",
        };
        assert!(!answer.write(&Ha1::new(Hash::Md5, "u", "r", "p"), &mut out));
    }
    assert!(out.is_empty());
}

#[test]
fn a_kept_hash_is_as_good_as_the_password_and_not_shown() {
    let ha1 = Ha1::new(Hash::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    let kept = Ha1::from_hex(Hash::Md5, "939E7578ED9E3C518A452ACEE763BCE9").unwrap();
    assert_eq!(ha1, kept);
    assert_eq!(format!("{kept:?}"), "Ha1(Md5, ..)");
    assert_eq!(
        Ha1::from_hex(Hash::Sha256, "939e7578ed9e3c518a452acee763bce9"),
        None
    );
    assert_eq!(Ha1::from_hex(Hash::Md5, "939e7578ed9e3c518a452acee763bceg"), None);
}

#[test]
fn nonce_counts_are_eight_lower_case_digits() {
    assert_eq!(&nc_digits(1), b"00000001");
    assert_eq!(&nc_digits(0xdead_beef), b"deadbeef");
}
