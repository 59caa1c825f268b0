//! Merging, and what it does with documents that are odd or hostile.

use super::*;

/// The document of the OpenSIPS admin guide: valid by no schema, and in every phone's log.
const GUIDE: &str = "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' xmlns:c='urn:ietf:params:xml:ns:pidf:cipid' entity='system@opensips.org'><tuple id='0x81475a0'><status><basic>open</basic></status></tuple><dm:person id='pdd748945'><rpid:activities><rpid:away/>away</rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person></presence>";

fn pidf(text: &str) -> Document {
    Document {
        content_type: "application/pidf+xml".into(),
        body: text.to_owned().into(),
    }
}

fn tuple(id: &str, basic: &str) -> Document {
    pidf(&format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='x'><tuple id='{id}'><status><basic>{basic}</basic></status></tuple></presence>"
    ))
}

fn policy(kind: Kind) -> Policy<'static> {
    Policy {
        kind,
        presentity: "sip:a&b@example.com",
        dummy_dialog: true,
        max_bytes: 100_000,
    }
}

fn text(composed: &Composed) -> String {
    String::from_utf8(composed.body(7).to_vec()).unwrap()
}

fn merged(kind: Kind, documents: &[Document]) -> String {
    let documents: Vec<&Document> = documents.iter().collect();
    let out = text(&compose(policy(kind), &documents));
    assert!(roxmltree::Document::parse(&out).is_ok(), "{out}");
    out
}

#[test]
fn one_document_goes_out_byte_for_byte() {
    assert_eq!(merged(Kind::Presence, &[pidf(GUIDE)]), GUIDE);
}

#[test]
fn tuples_stand_side_by_side_and_extensions_follow_them() {
    let out = merged(
        Kind::Presence,
        &[
            pidf(GUIDE),
            tuple("t2", "closed"),
            pidf("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='x'><note>n</note></presence>"),
        ],
    );
    assert_eq!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" xmlns:c=\"urn:ietf:params:xml:ns:pidf:cipid\" entity=\"sip:a&amp;b@example.com\">\n\
         <tuple id='0x81475a0'><status><basic>open</basic></status></tuple>\n\
         <tuple id='t2'><status><basic>closed</basic></status></tuple>\n\
         <note>n</note>\n\
         <dm:person id='pdd748945'><rpid:activities><rpid:away/>away</rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person>\n\
         </presence>\n"
    );
}

#[test]
fn of_the_same_id_the_one_published_last_stays() {
    let out = merged(
        Kind::Presence,
        &[tuple("t", "open"), tuple("u", "open"), tuple("t", "closed")],
    );
    assert_eq!(out.matches("<tuple").count(), 2);
    assert!(out.contains("<tuple id='t'><status><basic>closed"));
}

#[test]
fn prefixes_that_clash_are_declared_where_they_are_used() {
    let one = "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:one' entity='x'><tuple id='1'><status><p:x/></status></tuple></presence>";
    let two = "<q:presence xmlns:q='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:two' entity='x'><q:tuple id='2'><q:status><p:x/><none/></q:status></q:tuple></q:presence>";
    let three = "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:two' entity='x'><tuple a='xmlns:p=' xmlns:p='urn:two' id='3'/></presence>";
    let out = merged(Kind::Presence, &[pidf(one), pidf(two), pidf(three)]);
    let document = roxmltree::Document::parse(&out).unwrap();
    let uris: Vec<_> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "x")
        .map(|node| node.tag_name().namespace().unwrap().to_owned())
        .collect();
    assert_eq!(uris, ["urn:one", "urn:two"]);
    let none = document
        .descendants()
        .find(|node| node.has_tag_name("none"))
        .unwrap();
    assert_eq!(none.tag_name().namespace().unwrap_or(""), "");
    let tuples = document
        .descendants()
        .filter(|node| node.has_tag_name(("urn:ietf:params:xml:ns:pidf", "tuple")));
    assert_eq!(tuples.count(), 3);
}

#[test]
fn what_cannot_be_merged_leaves_the_newest_alone() {
    let newest = tuple("t", "open");
    for other in [
        "no xml",
        "<presence/>",
        "<!DOCTYPE p [<!ENTITY a 'b'>]><presence xmlns='urn:ietf:params:xml:ns:pidf'>&a;</presence>",
        "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info'/>",
        "",
    ] {
        let documents = [&pidf(other), &newest];
        let composed = compose(policy(Kind::Presence), &documents);
        assert_eq!(composed.body(0), newest.body, "{other}");
    }
    let tight = Policy {
        max_bytes: 10,
        ..policy(Kind::Presence)
    };
    assert_eq!(compose(tight, &[&pidf(GUIDE), &newest]).body(0), newest.body);
}

#[test]
fn rfc_4235_section_4_1_versions_count_per_subscription() {
    let one = Document {
        content_type: "application/dialog-info+xml".into(),
        body: "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='1' state='partial' entity='x'><dialog id='1'><state>early</state></dialog></dialog-info>".into(),
    };
    let composed = compose(policy(Kind::Dialog), &[&one]);
    assert_eq!(
        text(&composed),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" state=\"full\" entity=\"sip:a&amp;b@example.com\">\n<dialog id='1'><state>early</state></dialog>\n</dialog-info>\n"
    );
    assert_ne!(composed.body(7), composed.body(8));
}

/// CREG-01, CWI-01: versions of other packages count per subscription too, all else goes out as it was published.
#[test]
fn rfc_3680_section_5_1_versions_count_per_subscription() {
    for (content_type, root) in [
        ("application/reginfo+xml", "reginfo"),
        ("Application/WatcherInfo+XML; charset=utf-8", "watcherinfo"),
    ] {
        let body = |version: &str, state: &str| {
            format!(
                "<?xml version=\"1.0\"?><a:{root} state='{state}' xmlns:a=\"urn:ietf:params:xml:ns:{root}\" version=\"{version}\"><x/></a:{root}>"
            )
        };
        let one = Document {
            content_type: content_type.into(),
            body: body("3", "partial").into(),
        };
        let composed = compose(policy(Kind::Opaque), &[&one]);
        assert_eq!(text(&composed), body("7", "full"));
        assert_eq!(composed.body(8), body("8", "full"));
        assert_eq!(composed.content_type.as_deref(), Some(content_type));
    }
    let other = Document {
        content_type: "application/x+xml".into(),
        body: "<x version='3'/>".into(),
    };
    assert_eq!(
        text(&compose(policy(Kind::Opaque), &[&other])),
        "<x version='3'/>"
    );
}

#[test]
fn nothing_published_is_a_neutral_document() {
    let unknown = merged(Kind::Presence, &[]);
    assert!(
        unknown.contains("<presence ") && !unknown.contains("<tuple"),
        "{unknown}"
    );
    assert!(merged(Kind::Dialog, &[]).contains("<dialog id=\"none\"><state>terminated</state></dialog>"));
    assert_eq!(
        text(&compose(policy(Kind::MessageSummary), &[])),
        "Messages-Waiting: no\r\n"
    );
    assert_eq!(compose(policy(Kind::Opaque), &[]), Composed::default());
}

#[test]
fn documents_are_checked_for_being_xml_only() {
    assert_eq!(Kind::Presence.check(GUIDE.as_bytes()), Ok(()));
    assert_eq!(Kind::Presence.check(format!("\r\n {GUIDE}\n").as_bytes()), Ok(()));
    assert_eq!(Kind::Dialog.check(GUIDE.as_bytes()), Ok(()));
    assert_eq!(Kind::Presence.check(b"<presence/>"), Ok(()));
    assert!(Kind::Presence.check(b"<presence").is_err());
    assert!(Kind::Presence.check(b"\xff").is_err());
    assert_eq!(Kind::MessageSummary.check(b"\xff"), Ok(()));
}

#[test]
fn nesting_without_measure_is_refused_and_not_fatal() {
    let deep = format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf'>{}{}</presence>",
        "<a>".repeat(15_000),
        "</a>".repeat(15_000)
    );
    assert_eq!(
        Kind::Presence.check(deep.as_bytes()),
        Err("Document Nested Too Deeply")
    );
    let wide = format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf'>{}</presence>",
        "<a/>".repeat(30_000)
    );
    assert_eq!(
        Kind::Presence.check(wide.as_bytes()),
        Err("Document Has Too Many Elements")
    );
}
