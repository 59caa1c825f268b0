//! Bodies of several parts, as they should be and as they come.

use proptest::prelude::*;

use super::*;

const RELATED: &str = "multipart/related;type=\"application/rlmi+xml\";start=\"<root@l>\";boundary=\"b1\"";

fn bodies<'a>(parts: &'a Multipart<'_>) -> Vec<&'a [u8]> {
    parts.parts.iter().map(|part| part.body.as_ref()).collect()
}

/// CMIME-01: preamble and epilogue are skipped, the line end before a delimiter is no content.
#[test]
fn cmime_01_preamble_epilogue_and_line_ends() {
    let body = b"preamble --b1 not here\r\n--b1\r\nContent-ID: <a@l>\r\nContent-Type: text/a\r\n\r\none\r\n\r\n--b1  \r\n\
        Content-Id : <root@l>\r\n\r\ntwo\r\n--b1--\r\nepilogue\r\n--b1\r\n\r\nthree";
    let parts = Multipart::read(RELATED, body).unwrap();
    assert_eq!(bodies(&parts), [&b"one\r\n"[..], b"two"]);
    assert_eq!(parts.subtype.as_ref(), "related");
    assert_eq!(parts.root().unwrap().body.as_ref(), b"two");
    assert_eq!(parts.parts[0].content_type, "text/a");
    assert_eq!(parts.parts[1].content_type, "text/plain");
}

/// CMIME-01: boundaries quoted and not, with characters that ought to be quoted; LF line ends.
#[test]
fn cmime_01_boundary_quoted_or_not() {
    for (content_type, boundary) in [
        ("Multipart/Mixed; Boundary=b1", "b1"),
        ("multipart/mixed;boundary=\"b 1\"", "b 1"),
        ("multipart/mixed;boundary=\"b\\1\"", "b1"),
        ("multipart/mixed;boundary=a=?:b ;x=y", "a=?:b"),
        ("multipart/mixed;x=\"a;boundary=no\";boundary=yes", "yes"),
        ("multipart/mixed;flag;boundary=yes", "yes"),
        ("multipart/mixed", "guessed"),
    ] {
        for end in ["\r\n", "\n"] {
            let body = ["--", boundary, end, end, "one", end, "--", boundary, "--"].concat();
            let parts = Multipart::read(content_type, body.as_bytes()).expect(content_type);
            assert_eq!(bodies(&parts), [b"one"], "{content_type}");
            assert_eq!(parts.subtype.as_ref(), "mixed");
        }
    }
}

/// CMIME-01: transfer encodings, names and values without regard to case.
#[test]
fn cmime_01_transfer_encodings() {
    let body = b"--b\r\nContent-Transfer-Encoding: BASE64\r\n\r\nPHByZXNl\r\nbmNlLz4=\r\n--b\r\ncontent-transfer-encoding:quoted-printable\r\n\r\n\
        =3Ca b=\r\n=C3=A9=\t\r\n =zz\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\xff=3D\r\n--b\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\n\xe9\r\n--b\r\nContent-Transfer-Encoding: 7bit\r\n\r\n=\r\n--b--";
    let parts = Multipart::read("multipart/mixed;boundary=b", body).unwrap();
    assert_eq!(
        bodies(&parts),
        [
            &b"<presence/>"[..],
            "<a bé =zz".as_bytes(),
            b"\0\xff=3D",
            b"\xe9",
            b"="
        ]
    );
}

/// CMIME-01, R4662-03: Content-ID and cid, with regard to case and after escapes are undone.
#[test]
fn cmime_01_content_id_and_cid() {
    let body = b"--b1\r\nContent-ID: <foo4%25foo1@bar.net>\r\n\r\n1\r\n--b1\r\nContent-ID:\r\n\t<a+b/c@l>\r\n\r\n2\r\n--b1\r\n\
        Content-ID: bare@l\r\n\r\n3\r\n--b1\r\nContent-ID: <BARE@l>\r\n\r\n4\r\n--b1\r\nContent-ID: <bare@l>\r\n\r\n5\r\n--b1--";
    let parts = Multipart::read(RELATED, body).unwrap();
    let found = |cid: &str| parts.part(cid).map(|part| part.body.to_vec());
    assert_eq!(found("foo4%25foo1@bar.net"), Some(b"1".to_vec()));
    assert_eq!(found("foo4%2525foo1@bar.net"), Some(b"1".to_vec()));
    for cid in ["a+b/c@l", "a%2bb%2Fc@l", "cid:a+b/c@l", "<a+b/c@l>", " a+b/c@l "] {
        assert_eq!(found(cid), Some(b"2".to_vec()), "{cid}");
    }
    assert_eq!(found("bare@l"), Some(b"3".to_vec()));
    assert_eq!(found("BARE@l"), Some(b"4".to_vec()));
    assert_eq!(found("Bare@l"), None);
    assert_eq!(found("%ff%fe"), None);
}

/// R4662-03: the root is what `start` names, else the first part; parts of parts are not found.
#[test]
fn r4662_03_root_and_nesting() {
    let body = b"--o\r\nContent-ID: <r>\r\n\r\nroot\r\n--o\r\nContent-Type: multipart/related;boundary=oi\r\nContent-ID: <n>\r\n\r\n\
        --oi\r\nContent-ID: <inner>\r\n\r\ninner\r\n--oi--\r\n--o--\r\n";
    for content_type in [
        "multipart/related;boundary=o",
        "multipart/related;boundary=o;start=\"<none>\"",
        "multipart/related;boundary=o;start=r",
    ] {
        let parts = Multipart::read(content_type, body).unwrap();
        assert_eq!(parts.root().unwrap().body.as_ref(), b"root");
        assert_eq!(parts.part("inner"), None);
        let nested = parts.part("n").unwrap();
        assert!(is_multipart(&nested.content_type));
        let nested = Multipart::read(&nested.content_type, &nested.body).unwrap();
        assert_eq!(nested.part("inner").unwrap().body.as_ref(), b"inner");
    }
}

/// CMIME-01: what is clear although it is wrong.
#[test]
fn cmime_01_broken_but_clear() {
    let read = |body: &'static [u8]| Multipart::read("multipart/mixed;boundary=b", body).unwrap();
    assert_eq!(bodies(&read(b"--b\r\n\r\nno end")), [b"no end"]);
    assert_eq!(bodies(&read(b"--b\r\n\r\none\r\n--b\r\n")), [b"one"]);
    assert_eq!(
        bodies(&read(b"--b\r\n<no head=\"a:b\"/>\r\n--b--")),
        [b"<no head=\"a:b\"/>"]
    );
    assert_eq!(bodies(&read(b"--b\r\nContent-Type: a/b\r\n--b--")), [b""]);
    assert_eq!(bodies(&read(b"--b\n--b\n\n--bb\n--b--")), [&b""[..], b"--bb"]);
}

#[test]
fn what_is_no_multipart() {
    let error = |content_type: &str, body: &[u8]| Multipart::read(content_type, body).unwrap_err();
    assert_eq!(error("text/plain", b"--b\r\n"), MultipartError::NotMultipart);
    assert_eq!(error("", b"--b\r\n"), MultipartError::NotMultipart);
    assert_eq!(error("multipart/mixed", b"x"), MultipartError::NoBoundary);
    assert_eq!(
        error("multipart/mixed;boundary=", b"x"),
        MultipartError::NoBoundary
    );
    let long = format!("multipart/mixed;boundary={}", "b".repeat(201));
    assert_eq!(error(&long, b"x"), MultipartError::NoBoundary);
    assert_eq!(
        error("multipart/mixed;boundary=b", b"x --b"),
        MultipartError::NoParts
    );
    assert_eq!(
        error("multipart/mixed;boundary=b", b"--b--\r\n--b\r\n"),
        MultipartError::NoParts
    );
    assert!(!is_multipart("application/pidf+xml") && is_multipart(" MULTIPART / related;x"));
}

/// CMIME-01: parts, and the header of a part, are bounded.
#[test]
fn cmime_01_bounds() {
    let body = "--b\r\n\r\nx\r\n".repeat(MAX_PARTS);
    let read = |body: &str| {
        Multipart::read("multipart/mixed;boundary=b", body.as_bytes()).map(|parts| parts.parts.len())
    };
    assert_eq!(read(&body), Ok(MAX_PARTS));
    assert_eq!(
        read(&[&body, "--b\r\n\r\nx"].concat()),
        Err(MultipartError::TooManyParts)
    );
    let body = format!("--b\r\n{}\r\nx", "X-A: b\r\n".repeat(3000));
    assert_eq!(read(&body), Err(MultipartError::LongHead));
}

/// CMIME-01, R4662-03: what a peer may refuse, with the lines of the whole body.
#[test]
fn r4662_03_findings() {
    let list = "<list xmlns='urn:ietf:params:xml:ns:rlmi' uri='sip:l' version='0' fullState='1'><resource uri='sip:a'>\r\n\
        <instance id='1' state='active' cid='p@l'/><instance id='2' state='active' cid='q@l'/></resource></list>";
    let body = format!(
        "--b1\r\nContent-ID: <root@l>\r\nContent-Type: application/rlmi+xml\r\n\r\n{list}\r\n--b1\r\nContent-ID: <p@l>\r\n\
        Content-Type: application/simple-message-summary\r\n\r\nMessages-Waiting: yes\r\nFax: 1\r\n\r\n--b1\r\n\r\nspare\r\n--b1--"
    );
    let told = |content_type: &str, body: &str| -> Vec<String> {
        let findings = crate::check(content_type, body.as_bytes());
        findings
            .iter()
            .map(|found| format!("{} {} {}", found.rule, found.line.unwrap_or(0), found.message))
            .collect()
    };
    assert_eq!(
        told(RELATED, &body),
        [
            "R4662-03 0 no part has the Content-ID \"q@l\" of the list",
            "R4662-03 0 parts the list does not refer to, which are not read: 1",
            "CMWI-01 12 Fax has to be `new/old` or `new/old (urgent new/urgent old)`",
        ]
    );
    let cut = told(
        "multipart/related;boundary=b1;start=x",
        body.trim_end_matches('-'),
    );
    for wanted in ["closing delimiter", "type parameter", "start parameter"] {
        assert!(cut.iter().any(|said| said.contains(wanted)), "{wanted}: {cut:?}");
    }
    assert_eq!(told("multipart/mixed;boundary=x", &body).len(), 1);
    assert_eq!(
        told("multipart/mixed;boundary=b", "--b\r\n\r\nany\r\n--b--"),
        [""; 0]
    );
}

proptest! {
    /// CMIME-01: any parts come back as they were.
    #[test]
    fn cmime_01_parts_round_trip(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
        preamble in "[a-z \r\n]{0,20}",
    ) {
        let mut body = preamble.into_bytes();
        body.extend(b"\r\n");
        for (index, content) in contents.iter().enumerate() {
            body.extend(format!("--=_x1\r\nContent-ID: <p{index}>\r\n\r\n").bytes());
            body.extend(content);
            body.extend(b"\r\n");
        }
        body.extend(b"--=_x1--\r\n");
        let parts = Multipart::read("multipart/related;boundary=\"=_x1\"", &body).unwrap();
        prop_assert_eq!(parts.parts.len(), contents.len());
        for (index, content) in contents.iter().enumerate() {
            prop_assert_eq!(parts.part(&format!("p{index}")).unwrap().body.as_ref(), &content[..]);
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(
        content_type in "multipart/[a-z]{0,3}(;boundary=\"?[b\"\\\\ ]{0,3}\"?)?(;start=<?[a-c]>?)?",
        body in prop::collection::vec(prop_oneof![
            Just(b"--b".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b"--".to_vec()),
            Just(b"Content-ID: <a>".to_vec()), Just(b"Content-Transfer-Encoding: base64".to_vec()),
            Just(b"content-transfer-encoding:quoted-printable".to_vec()), Just(b"=4".to_vec()), Just(b" ".to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ], 0..40),
    ) {
        let body = body.concat();
        if let Ok(parts) = Multipart::read(&content_type, &body) {
            prop_assert!(parts.root().is_some());
            prop_assert!(parts.parts.iter().map(|part| part.body.len()).sum::<usize>() <= body.len());
        }
    }
}
