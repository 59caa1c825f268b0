//! What `check` says of presence documents, rule by rule.

mod common;

use common::file;
use event_packages::{Finding, Severity, check};

fn findings(text: &str) -> Vec<Finding> {
    check("application/pidf+xml;charset=UTF-8", text.as_bytes())
}

/// A document with nothing to say about, but for what is put into its tuple, its person, and behind.
fn document(status: &str, tuple: &str, person: &str, root: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\"\n\
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" xmlns:c=\"urn:ietf:params:xml:ns:pidf:cipid\"\n\
         xmlns:ts=\"urn:ietf:params:xml:ns:pidf:timed-status\" xmlns:f=\"urn:f\" entity=\"sip:a@example.com\">\n\
         <tuple id=\"t1\"><status>{status}</status>\n\
         {tuple}\n\
         <contact priority=\"0.8\">sip:a@example.com</contact><timestamp>2026-01-15T09:30:00Z</timestamp></tuple>\n\
         <dm:person id=\"p1\">\n\
         {person}\n\
         </dm:person>{root}</presence>"
    )
}

/// The one finding of a document: rule, severity, line.
#[track_caller]
fn one(text: &str) -> (&'static str, Severity, u32) {
    let found = findings(text);
    assert_eq!(found.len(), 1, "{found:?}");
    (
        found[0].rule,
        found[0].severity,
        found[0].line.unwrap_or_default(),
    )
}

#[track_caller]
fn tuple(inner: &str) -> (&'static str, Severity, u32) {
    one(&document("<basic>open</basic>", inner, "", ""))
}

#[track_caller]
fn person(inner: &str) -> (&'static str, Severity, u32) {
    one(&document("<basic>open</basic>", "", inner, ""))
}

use Severity::{Error, Warning};

#[test]
fn nothing_to_say_of_what_is_right() {
    assert_eq!(
        findings(&document(
            "<basic>open</basic>",
            "<rpid:class>x</rpid:class>",
            "<rpid:mood><rpid:sad/></rpid:mood>",
            "<f:x/>"
        )),
        []
    );
    assert_eq!(check("application/pidf+xml", &file("examples/pidf.xml")), []);
    // valid, but FreeSWITCH sees no activities under another prefix
    let rich: Vec<_> = check("application/pidf+xml", &file("examples/pidf-rich.xml"));
    assert_eq!(rich.len(), 1);
    assert_eq!(
        (rich[0].rule, rich[0].severity, rich[0].line),
        ("CXML-02", Warning, Some(20))
    );
    assert!(rich[0].message.contains("<rpid:activities>"));
    assert_eq!(check("text/plain", b"anything"), []);
}

/// The manual's own example is accepted, with warnings only.
#[test]
fn the_admin_guides_example_has_warnings_only() {
    let found = check("application/pidf+xml", &file("field/admin-guide.xml"));
    assert!(
        found.iter().all(|finding| finding.severity == Warning),
        "{found:?}"
    );
    let rules: Vec<_> = found.iter().map(|finding| finding.rule).collect();
    assert_eq!(
        rules,
        ["CPIDF-02", "CPIDF-03", "CPIDF-05", "CPIDF-07", "CRPID-01"]
    );
}

/// CXML-01
#[test]
fn cxml_01_what_cannot_be_read() {
    assert_eq!(one("<presence"), ("CXML-01", Error, 1));
    assert_eq!(
        one("<?xml version='1.0'?>\n<!DOCTYPE x>\n<presence/>"),
        ("CXML-01", Error, 2)
    );
    assert_eq!(
        one("<?xml version='1.0'?>\n<presence>&custom;</presence>"),
        ("CXML-01", Error, 2)
    );
    let bare = document("<basic>open</basic>", "", "", "").replacen(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "",
        1,
    );
    assert_eq!(one(&bare), ("CXML-01", Warning, 1));
}

/// CXML-02, CXML-04, CXML-05
#[test]
fn cxml_04_05_prefixes_blanks_and_times() {
    assert_eq!(
        person("<r:activities xmlns:r='urn:ietf:params:xml:ns:pidf:rpid'><r:away/></r:activities>").0,
        "CXML-02"
    );
    assert_eq!(
        one(&document("<basic> open</basic>", "", "", "")),
        ("CXML-04", Warning, 5)
    );
    assert_eq!(
        person("<dm:timestamp>2026-01-15t09:30:00Z</dm:timestamp>"),
        ("CXML-05", Warning, 9)
    );
    assert_eq!(
        person("<dm:timestamp>2026-01-15T09:30:00</dm:timestamp>"),
        ("CXML-05", Warning, 9)
    );
    assert_eq!(
        person("<dm:timestamp>half past nine</dm:timestamp>"),
        ("CXML-05", Error, 9)
    );
    assert_eq!(
        person(
            "<dm:note xml:lang='a b'>x</dm:note>\n<dm:timestamp>2026-01-15T09:30:00.5+02:00</dm:timestamp>"
        )
        .0,
        "CPIDF-06"
    );
}

/// CPIDF-01, CPIDF-02
#[test]
fn cpidf_01_02_root_and_entity() {
    let fine = document("<basic>open</basic>", "", "", "");
    let with = |from: &str, to: &str| one(&fine.replace(from, to));
    assert_eq!(
        with(
            "\"urn:ietf:params:xml:ns:pidf\"",
            "\"urn:ietf:params:xml:ns:pidf:\""
        ),
        ("CPIDF-01", Error, 2)
    );
    assert_eq!(with(" entity=\"sip:a@example.com\"", ""), ("CPIDF-01", Error, 2));
    assert_eq!(
        with("entity=\"sip:a@example.com\"", "entity=\"a@example.com\""),
        ("CPIDF-02", Warning, 2)
    );
    assert_eq!(
        with("entity=\"sip:a@example.com\"", "entity=\"sip:a example\""),
        ("CPIDF-02", Error, 2)
    );
    assert_eq!(one("<?xml version='1.0'?><dialog-info/>"), ("CPIDF-01", Error, 1));
    assert_eq!(
        one("<?xml version='1.0'?><presence entity='sip:a@b'/>"),
        ("CPIDF-01", Error, 1)
    );
}

/// CPIDF-03
#[test]
fn cpidf_03_ids_and_order() {
    let again = "<tuple id='t1'><status/></tuple>";
    let found = findings(&document("<basic>open</basic>", "", "", again));
    let rules: Vec<_> = found
        .iter()
        .map(|finding| (finding.rule, finding.severity))
        .collect();
    let wanted = [
        ("CPIDF-03", Error),
        ("CPIDF-04", Warning),
        ("CPIDF-07", Warning),
        ("CPIDF-03", Warning),
    ];
    assert_eq!(rules, wanted, "{found:?}");
    assert_eq!(
        one(&document("<basic>open</basic>", "", "", "").replace("id=\"t1\"", "id=\"0x1\"")),
        ("CPIDF-03", Warning, 5)
    );
    assert_eq!(
        one(&document("<basic>open</basic>", "", "", "").replace(" id=\"t1\"", "")),
        ("CPIDF-03", Error, 5)
    );
    assert_eq!(tuple("<note>early</note>"), ("CPIDF-03", Warning, 7));
    assert_eq!(
        tuple("<contact>sip:b@example.com</contact>"),
        ("CPIDF-03", Error, 7)
    );
}

/// CPIDF-04, CPIDF-05, CPIDF-07
#[test]
fn cpidf_04_05_07_status_contact_timestamp() {
    assert_eq!(
        one(&document("<basic>OPEN</basic>", "", "", "")),
        ("CPIDF-04", Error, 5)
    );
    assert_eq!(one(&document("", "", "", "")), ("CPIDF-04", Warning, 5));
    let fine = document("<basic>open</basic>", "", "", "");
    assert_eq!(
        one(&fine.replace("<status><basic>open</basic></status>", "")),
        ("CPIDF-04", Error, 5)
    );
    assert_eq!(one(&fine.replace("\"0.8\"", "\"1.5\"")), ("CPIDF-05", Warning, 7));
    assert_eq!(
        one(&fine.replace(">sip:a@example.com<", ">sip:a b<")),
        ("CPIDF-05", Error, 7)
    );
    assert_eq!(
        one(&fine.replace("<contact priority=\"0.8\">sip:a@example.com</contact>", "")),
        ("CPIDF-05", Warning, 5)
    );
    assert_eq!(
        one(&fine.replace("<timestamp>2026-01-15T09:30:00Z</timestamp>", "")),
        ("CPIDF-07", Warning, 5)
    );
}

/// CPIDF-08
#[test]
fn cpidf_08_must_understand_elsewhere() {
    let demand = "<f:x><f:y xmlns:i='urn:ietf:params:xml:ns:pidf' i:mustUnderstand='1'/></f:x>";
    assert_eq!(tuple(demand), ("CPIDF-08", Warning, 6));
    assert_eq!(
        findings(&document(&format!("<basic>open</basic>{demand}"), "", "", "")),
        []
    );
    assert_eq!(tuple("<novel/>"), ("CPIDF-08", Warning, 6));
}

/// CPDM-01
#[test]
fn cpdm_01_persons_and_devices() {
    let root = |inner: &str| one(&document("<basic>open</basic>", "", "", inner));
    assert_eq!(root("<dm:device id='d1'/>"), ("CPDM-01", Error, 10));
    assert_eq!(
        root("<dm:device><dm:deviceID>urn:x:1</dm:deviceID></dm:device>"),
        ("CPDM-01", Error, 10)
    );
    assert_eq!(
        root("<dm:device id='t1'><dm:deviceID>urn:x:1</dm:deviceID></dm:device>"),
        ("CPDM-01", Error, 10)
    );
    assert_eq!(
        person("<dm:note>x</dm:note><rpid:class>x</rpid:class>"),
        ("CPDM-01", Warning, 9)
    );
}

/// CRPID-01
#[test]
fn crpid_01_values() {
    for inner in [
        "<rpid:activities><rpid:dnd/></rpid:activities>",
        "<rpid:activities><rpid:lunch/></rpid:activities>",
        "<rpid:activities><rpid:away/>away</rpid:activities>",
        "<rpid:activities><rpid:away/><rpid:unknown/></rpid:activities>",
        "<rpid:activities><rpid:other>Away</rpid:other></rpid:activities>",
        "<rpid:activities><rpid:away/><rpid:note>x</rpid:note></rpid:activities>",
        "<rpid:mood/>",
        "<rpid:sphere><rpid:home/><rpid:work/></rpid:sphere>",
        "<rpid:place-type><rpid:office/></rpid:place-type>",
        "<rpid:place-is><rpid:audio><rpid:loud/></rpid:audio></rpid:place-is>",
        "<rpid:time-offset>one hour</rpid:time-offset>",
        "<rpid:class from='2026-01-15T09:30:00Z'>x</rpid:class>",
        "<rpid:mood id='1'><rpid:sad/></rpid:mood>",
        "<rpid:mood><rpid:sad/></rpid:mood><rpid:mood><rpid:shy/></rpid:mood>",
        "<rpid:presence-of-mind/>",
    ] {
        let (rule, severity, line) = person(inner);
        assert_eq!((rule, severity, line), ("CRPID-01", Warning, 9), "{inner}");
    }
    let backwards =
        "<rpid:mood from='2026-01-15T09:30:00Z' until='2026-01-15T08:30:00Z'><rpid:sad/></rpid:mood>";
    assert_eq!(person(backwards), ("CRPID-01", Error, 9));
    let apart = "<rpid:mood until='2026-01-15T09:30:00Z'><rpid:sad/></rpid:mood><rpid:mood from='2026-01-15T09:30:00Z'><rpid:shy/></rpid:mood>";
    assert_eq!(findings(&document("<basic>open</basic>", "", apart, "")), []);
}

/// CRPID-02
#[test]
fn crpid_02_placement() {
    assert_eq!(
        tuple("<rpid:activities><rpid:away/></rpid:activities>"),
        ("CRPID-02", Warning, 6)
    );
    assert_eq!(
        person("<rpid:relationship><rpid:friend/></rpid:relationship>"),
        ("CRPID-02", Warning, 9)
    );
    assert_eq!(
        one(&document(
            "<basic>open</basic><rpid:user-input>idle</rpid:user-input>",
            "",
            "",
            ""
        )),
        ("CRPID-02", Warning, 5)
    );
    assert_eq!(
        one(&document("<basic>open</basic>", "", "", "<rpid:activities/>")),
        ("CRPID-02", Warning, 10)
    );
}

/// CRPID-03
#[test]
fn crpid_03_user_input() {
    assert_eq!(
        person("<rpid:user-input>asleep</rpid:user-input>"),
        ("CRPID-03", Warning, 9)
    );
    assert_eq!(
        person("<rpid:user-input idle-threshold='0'>idle</rpid:user-input>"),
        ("CRPID-03", Warning, 9)
    );
}

/// CCIPID-01
#[test]
fn ccipid_01_once_each() {
    for inner in [
        "<c:icon>http://a/1</c:icon><c:icon>http://a/2</c:icon>",
        "<c:display-name>A</c:display-name><c:display-name>B</c:display-name>",
        "<c:display-name xml:lang='en'>A</c:display-name>",
        "<c:homepage>not a uri</c:homepage>",
        "<c:fax/>",
    ] {
        assert_eq!(person(inner), ("CCIPID-01", Warning, 9), "{inner}");
    }
}

/// CTS-01
#[test]
fn cts_01_timed_status() {
    let timed = |attributes: &str| {
        format!("<ts:timed-status {attributes}><ts:basic>closed</ts:basic></ts:timed-status>")
    };
    assert_eq!(tuple(&timed("")), ("CTS-01", Error, 6));
    assert_eq!(
        tuple(&timed("from='2026-01-15T09:00:00Z'")),
        ("CTS-01", Warning, 6)
    );
    assert_eq!(
        person(&timed("from='2026-01-16T09:00:00Z'")),
        ("CTS-01", Warning, 9)
    );
    assert_eq!(
        findings(&document(
            "<basic>open</basic>",
            &timed("from='2026-01-16T09:00:00Z'"),
            "",
            ""
        )),
        []
    );
}

#[test]
fn findings_are_bounded() {
    let many = "<novel/>".repeat(20_000);
    assert_eq!(
        findings(&document("<basic>open</basic>", &many, "", "")).len(),
        100
    );
}
