//! reginfo (RFC 3680, RFC 5628), watcherinfo (RFC 3858) and rlmi (RFC 4662) documents.

mod common;

use bytes::Bytes;
use common::{assert_valid, file};
use event_packages::reginfo::{
    self, Contact, ContactEvent, ContactState, Registration, RegistrationState, Registrations, TempGruu,
    UnknownParam,
};
use event_packages::rlmi::{self, Instance, InstanceState, List, Resource};
use event_packages::watcherinfo::{self, Watcher, WatcherEvent, WatcherInfo, WatcherList, WatcherStatus};
use event_packages::{Applied, Document, EventState, Extent, Note, check};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

/// Written, valid, read as it was; through JSON as well.
fn lives(document: &Document) -> Vec<u8> {
    let content_type = document.content_type();
    let written = document
        .write()
        .unwrap_or_else(|error| panic!("{error}\n{document:?}"));
    let text = String::from_utf8_lossy(&written);
    assert_eq!(
        &Document::read(content_type, &written).unwrap(),
        document,
        "{text}"
    );
    assert_eq!(
        &Document::from_json(content_type, &document.to_json()).unwrap(),
        document
    );
    assert_eq!(check(content_type, &written), [], "{text}");
    written
}

fn refused(content_type: &str, value: &Value) -> String {
    let document = Document::from_json(content_type, value);
    document
        .and_then(|document| document.write())
        .expect_err("refused")
        .to_string()
}

fn found(content_type: &str, text: &str) -> Vec<String> {
    let findings = check(content_type, text.as_bytes());
    findings
        .into_iter()
        .map(|found| format!("{} {}", found.rule, found.message))
        .collect()
}

/// CREG-01: the example of RFC 5628 §7, and the one of RFC 3680 §5.3.
#[test]
fn creg_01_examples_with_gruus() {
    let text = r#"<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="0" state="full">
        <registration aor="sip:user@example.com" id="as9" state="active">
          <contact id="76" state="active" event="registered" duration-registered="36001" expires="3599" callid="1j9FpLxk3uxtm8tn@192.0.2.1" cseq="54321" q="0.8">
            <uri>sip:user@192.0.2.1</uri><display-name xml:lang="en">desk</display-name>
            <unknown-param name="+sip.instance">"&lt;urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6&gt;"</unknown-param><unknown-param name="audio"/>
            <gr:pub-gruu uri="sip:user@example.com;gr=hha9s8d-999a"/><gr:temp-gruu uri="sip:8ffkas08af7fasklzi9@example.com;gr" first-cseq="54301"/>
          </contact></registration></reginfo>"#;
    let document = Document::read("application/reginfo+xml", text.as_bytes()).unwrap();
    assert_eq!(
        document.to_json(),
        json!({"version": 0, "state": "full", "registrations": [{"aor": "sip:user@example.com", "id": "as9", "state": "active", "contacts": [{
            "id": "76", "state": "active", "event": "registered", "duration_registered": 36001, "expires": 3599,
            "callid": "1j9FpLxk3uxtm8tn@192.0.2.1", "cseq": 54321, "q": "0.8", "uri": "sip:user@192.0.2.1",
            "display_name": {"text": "desk", "lang": "en"},
            "unknown_params": [{"name": "+sip.instance", "value": "\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\""}, {"name": "audio", "value": ""}],
            "pub_gruu": "sip:user@example.com;gr=hha9s8d-999a",
            "temp_gruu": {"uri": "sip:8ffkas08af7fasklzi9@example.com;gr", "first_cseq": 54301}}]}]})
    );
    let example = Document::read(reginfo::CONTENT_TYPE, &file("examples/reginfo.xml")).unwrap();
    assert_valid(
        "creg-01",
        "reginfo.xsd",
        [&lives(&document)[..], &lives(&example)],
    );
}

/// CREG-01: what has to be there with an event, and what the schema does not know.
#[test]
fn creg_01_strict_writing() {
    let with = |contact: Value| {
        refused(
            reginfo::CONTENT_TYPE,
            &json!({"registrations": [{"aor": "sip:a@b", "id": "1", "state": "active", "contacts": [contact]}]}),
        )
    };
    for (contact, path) in [
        (
            json!({"id": "1", "state": "active", "event": "shortened", "uri": "sip:a"}),
            "contacts[0].expires:",
        ),
        (
            json!({"id": "1", "state": "terminated", "event": "probation", "uri": "sip:a"}),
            "contacts[0].retry_after:",
        ),
        (
            json!({"id": "1", "state": "init", "event": "created", "uri": "sip:a"}),
            "contacts[0].state:",
        ),
        (
            json!({"id": "1", "state": "active", "event": "made", "uri": "sip:a"}),
            "contacts[0].event:",
        ),
        (
            json!({"id": "1", "state": "active", "event": "created"}),
            "missing field `uri`",
        ),
        (
            json!({"id": "1", "state": "active", "event": "created", "uri": "a b"}),
            "contacts[0].uri:",
        ),
        (
            json!({"id": "1", "state": "active", "event": "created", "uri": "sip:a", "Q": 1}),
            "contacts[0].Q:",
        ),
        (
            json!({"id": "", "state": "active", "event": "created", "uri": "sip:a"}),
            "contacts[0].id:",
        ),
    ] {
        let error = with(contact.clone());
        assert!(error.contains(path), "{contact}: {error}");
    }
    let told = found(
        reginfo::CONTENT_TYPE,
        r#"<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" state="all"><registration aor="sip:a" id="1" state="on"><contact state="active" event="shortened" cseq="-1"/></registration></reginfo>"#,
    );
    let wanted = [
        "version",
        "state \"all\"",
        "state \"on\"",
        "attribute id",
        "cseq has",
        "attribute expires",
        "no element uri",
    ];
    for wanted in wanted {
        assert!(
            told.iter()
                .any(|said| said.starts_with("CREG-01") && said.contains(wanted)),
            "{wanted}: {told:?}"
        );
    }
    // kamailio/kamailio#1579
    let kamailio = r#"<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="3" state="full"><registration aor="sip:a@b" id="x" state="terminated"><contact id="y" state="terminated" event="expired" expires="0" q="0.000"><uri>sip:a@h</uri></contact></registration></reginfo>"#;
    assert_eq!(found(reginfo::CONTENT_TYPE, kamailio), [""; 0]);
}

fn apply(state: &mut EventState, content_type: &str, text: &str) -> Applied {
    state
        .apply(content_type, &Bytes::copy_from_slice(text.as_bytes()))
        .unwrap()
}

fn said(state: &EventState) -> Value {
    state.document().unwrap().to_json()
}

/// CREG-02: registrations by id, contacts by id; contacts that have ended are told once; gaps ask for a refresh.
#[test]
fn creg_02_partial_state() {
    let text = |version: u32, state: &str, registrations: &[(&str, &[(&str, &str)])]| {
        let rows: String = registrations
            .iter()
            .map(|(id, contacts)| {
                let contacts: String = contacts
                    .iter()
                    .map(|(id, state)| format!(r#"<contact id="{id}" state="{state}" event="created" expires="{}"><uri>sip:{id}@h</uri></contact>"#, 100 + version))
                    .collect();
                format!(r#"<registration aor="sip:{id}@b" id="{id}" state="active">{contacts}</registration>"#)
            })
            .collect();
        format!(
            r#"<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{version}" state="{state}">{rows}</reginfo>"#
        )
    };
    let mut state = EventState::new();
    let mut step = |version, extent: &str, rows: &[(&str, &[(&str, &str)])]| {
        let applied = apply(&mut state, reginfo::CONTENT_TYPE, &text(version, extent, rows));
        let known = said(&state)["registrations"].clone();
        let known: Vec<String> = known
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let contacts = row["contacts"].as_array().unwrap();
                let contacts = contacts
                    .iter()
                    .map(|contact| format!("{}{}", contact["id"], contact["state"]));
                format!("{}:{}", row["id"], contacts.collect::<String>()).replace('"', "")
            })
            .collect();
        (applied, known.join(" "))
    };
    let changed = Applied::Changed(event_packages::Changes::default());
    let gap = Applied::Gap {
        applied: true,
        changes: event_packages::Changes::default(),
    };
    let known = |applied: &Applied, known: &str| (applied.clone(), known.to_owned());
    assert_eq!(
        step(0, "full", &[("a", &[("1", "active")]), ("b", &[])]),
        known(&changed, "a:1active b:")
    );
    assert_eq!(
        step(1, "partial", &[("b", &[("2", "active")])]),
        known(&changed, "a:1active b:2active")
    );
    assert_eq!(
        step(2, "partial", &[("a", &[("1", "terminated"), ("3", "active")])]),
        known(&changed, "a:1terminated3active b:2active")
    );
    assert_eq!(
        step(2, "partial", &[("a", &[("9", "active")])]),
        known(&Applied::Stale, "a:1terminated3active b:2active")
    );
    assert_eq!(
        step(3, "full", &[("a", &[("3", "active")]), ("b", &[("2", "active")])]),
        known(&Applied::Same, "a:3active b:2active")
    );
    assert_eq!(
        step(5, "partial", &[("c", &[])]),
        known(&gap, "a:3active b:2active c:")
    );
    assert_eq!(step(6, "full", &[]), known(&changed, ""));
}

/// CWI-01: every attribute; the example.
#[test]
fn cwi_01_examples() {
    let text = r#"<?xml version="1.0"?><watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">
        <watcher-list resource="sip:professor@example.net" package="presence">
          <watcher id="8ajksjda7s" duration-subscribed="509" expiration="20" status="active" event="approved" display-name="Prof" xml:lang="de">sip:userA@example.net</watcher>
          <watcher id="hh8juja87s997-ass7" status="pending" event="subscribe"> sip:userB@example.org </watcher></watcher-list></watcherinfo>"#;
    let document = Document::read(watcherinfo::CONTENT_TYPE, text.as_bytes()).unwrap();
    assert_eq!(
        document.to_json(),
        json!({"version": 0, "state": "full", "watcher_lists": [{"resource": "sip:professor@example.net", "package": "presence", "watchers": [
            {"id": "8ajksjda7s", "uri": "sip:userA@example.net", "status": "active", "event": "approved", "duration_subscribed": 509,
             "expiration": 20, "display_name": "Prof", "lang": "de"},
            {"id": "hh8juja87s997-ass7", "uri": "sip:userB@example.org", "status": "pending", "event": "subscribe"}]}]})
    );
    let example = Document::read(watcherinfo::CONTENT_TYPE, &file("examples/watcherinfo.xml")).unwrap();
    assert_valid(
        "cwi-01",
        "watcherinfo.xsd",
        [&lives(&document)[..], &lives(&example)],
    );
    for (watcher, path) in [
        (
            json!({"id": "a b", "uri": "sip:a", "status": "active", "event": "approved"}),
            "watchers[0].id:",
        ),
        (
            json!({"id": "a", "uri": "", "status": "active", "event": "approved"}),
            "watchers[0].uri:",
        ),
        (
            json!({"id": "a", "uri": "sip:a", "status": "on", "event": "approved"}),
            "watchers[0].status:",
        ),
        (
            json!({"id": "a", "uri": "sip:a", "status": "active", "event": "x"}),
            "watchers[0].event:",
        ),
        (
            json!({"id": "a", "uri": "sip:a", "status": "active", "event": "approved", "lang": "e n"}),
            "watchers[0].lang:",
        ),
    ] {
        let value =
            json!({"watcher_lists": [{"resource": "sip:r", "package": "presence", "watchers": [watcher]}]});
        let error = refused(watcherinfo::CONTENT_TYPE, &value);
        assert!(
            error.starts_with("watcher_lists[0]") && error.contains(path),
            "{error}"
        );
    }
    let told = found(
        watcherinfo::CONTENT_TYPE,
        r#"<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0"><watcher-list resource="a"><watcher id="a b" status="x" event="approved" expiration="?"/></watcher-list></watcherinfo>"#,
    );
    for wanted in [
        "attribute state",
        "attribute package",
        "a token",
        "status \"x\"",
        "expiration",
        "no URI",
    ] {
        assert!(
            told.iter()
                .any(|said| said.starts_with("CWI-01") && said.contains(wanted)),
            "{wanted}: {told:?}"
        );
    }
}

/// CWI-01: lists by resource and package, watchers by id; unknown values are kept.
#[test]
fn cwi_01_partial_state() {
    let text = |version: u32, state: &str, lists: &str| {
        format!(
            r#"<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="{version}" state="{state}">{lists}</watcherinfo>"#
        )
    };
    let list = |package: &str, watchers: &[(&str, &str)]| {
        let rows: String = watchers
            .iter()
            .map(|(id, status)| format!(r#"<watcher id="{id}" status="{status}" event="subscribe" expiration="5">sip:{id}@h</watcher>"#))
            .collect();
        format!(r#"<watcher-list resource="sip:r@h" package="{package}">{rows}</watcher-list>"#)
    };
    let mut state = EventState::new();
    let mut step = |version, extent: &str, lists: &str| {
        let applied = apply(
            &mut state,
            watcherinfo::CONTENT_TYPE,
            &text(version, extent, lists),
        );
        let known = said(&state)["watcher_lists"].clone();
        let known: Vec<String> = known
            .as_array()
            .unwrap()
            .iter()
            .map(|list| {
                let watchers = list["watchers"].as_array().unwrap();
                let watchers = watchers
                    .iter()
                    .map(|row| format!(" {}={}", row["id"], row["status"]));
                format!("{}{}", list["package"], watchers.collect::<String>()).replace('"', "")
            })
            .collect();
        (applied, known.join("; "))
    };
    let changed = Applied::Changed(event_packages::Changes::default());
    let gap = Applied::Gap {
        applied: true,
        changes: event_packages::Changes::default(),
    };
    let known = |applied: &Applied, known: &str| (applied.clone(), known.to_owned());
    assert_eq!(
        step(0, "full", &list("presence", &[("a", "pending")])),
        known(&changed, "presence a=pending")
    );
    assert_eq!(
        step(
            1,
            "partial",
            &(list("presence", &[("a", "active"), ("b", "sleeping")]) + &list("dialog", &[("a", "active")]))
        ),
        known(&changed, "presence a=active b=sleeping; dialog a=active")
    );
    assert_eq!(
        step(2, "partial", &list("presence", &[("a", "terminated")])),
        known(&changed, "presence a=terminated b=sleeping; dialog a=active")
    );
    assert_eq!(
        step(1, "full", ""),
        known(
            &Applied::Stale,
            "presence a=terminated b=sleeping; dialog a=active"
        )
    );
    assert_eq!(
        step(3, "partial", ""),
        known(&Applied::Same, "presence b=sleeping; dialog a=active")
    );
    assert_eq!(
        step(7, "partial", ""),
        known(&gap, "presence b=sleeping; dialog a=active")
    );
    assert_eq!(
        step(
            9,
            "full",
            &(list("presence", &[("b", "sleeping")]) + &list("dialog", &[("a", "active")]))
        ),
        known(&Applied::Same, "presence b=sleeping; dialog a=active")
    );
}

/// CRL-01, R4662-04, R4662-07: the example; what has to be there.
#[test]
fn crl_01_lists() {
    let example = Document::read(rlmi::CONTENT_TYPE, &file("examples/rlmi.xml")).unwrap();
    assert_valid("crl-01", "rlmi.xsd", [&lives(&example)[..]]);
    assert_eq!(
        example.to_json(),
        json!({"uri": "sip:team@lists.example.com", "version": 0, "full_state": true, "names": [{"text": "Team", "lang": "en"}], "resources": [
            {"uri": "sip:anna@example.com", "instances": [{"id": "i1", "state": "active", "cid": "p1@lists.example.com"}]},
            {"uri": "sip:bert@example.com", "instances": [{"id": "i2", "state": "terminated", "reason": "rejected"}]},
            {"uri": "sip:carl@example.com"}]})
    );
    for (instance, path) in [
        (json!({"id": "1", "state": "active"}), "instances[0].cid:"),
        (json!({"id": "1", "state": "terminated"}), "instances[0].reason:"),
        (json!({"id": "", "state": "pending"}), "instances[0].id:"),
        (json!({"id": "1", "state": "on"}), "instances[0].state:"),
    ] {
        let value = json!({"uri": "sip:l", "version": 0, "full_state": true, "resources": [{"uri": "sip:a", "instances": [instance]}]});
        let error = refused(rlmi::CONTENT_TYPE, &value);
        assert!(
            error.starts_with("resources[0]") && error.contains(path),
            "{error}"
        );
    }
    assert!(refused(rlmi::CONTENT_TYPE, &json!({"uri": "sip:l", "version": 0})).contains("full_state"));
    let told = found(
        rlmi::CONTENT_TYPE,
        r#"<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:l" version="-1" fullState="yes"><resource uri="a"/><resource uri="a"><instance id="1" state="active"/><instance id="1" state="terminated" cid="&lt;a>"/></resource></list>"#,
    );
    for wanted in [
        "version",
        "fullState \"yes\"",
        "another resource",
        "attribute cid",
        "another instance",
        "attribute reason",
        "angle",
    ] {
        assert!(
            told.iter()
                .any(|said| said.starts_with("CRL-01") && said.contains(wanted)),
            "{wanted}: {told:?}"
        );
    }
}

fn text() -> impl Strategy<Value = Box<str>> {
    "[!-~é€😀]{1,8}( [!-~]{1,4})?".prop_map(Into::into)
}

fn uri() -> impl Strategy<Value = Box<str>> {
    "(sip|sips|tel):[a-z0-9.+é]{1,8}(@[a-z.]{1,8})?(;[a-z]=%4[0-9])?".prop_map(Into::into)
}

fn note() -> impl Strategy<Value = Note> {
    ("[ -~\n\té😀]{0,10}", prop::option::of("[a-z]{2}(-[A-Z]{2})?"))
        .prop_map(|(text, lang)| Note { text, lang })
}

prop_compose! {
    fn contact()(
        (state, event) in (prop::sample::select(ContactState::KNOWN), prop::sample::select(ContactEvent::KNOWN)),
        uri in uri(),
        (duration_registered, expires, retry_after, cseq) in (any::<Option<u64>>(), any::<u64>(), any::<u64>(), any::<Option<u64>>()),
        (q, callid) in (prop::option::of(text()), prop::option::of(text())),
        display_name in prop::option::of(note()),
        unknown_params in prop::collection::vec((text(), text()), 0..3),
        pub_gruu in prop::option::of(uri()),
        temp_gruu in prop::option::of((uri(), any::<u64>())),
    ) -> Contact {
        Contact {
            id: "".into(), state: state.into(), event: event.into(), uri, duration_registered,
            expires: Some(expires), retry_after: Some(retry_after), q, callid, cseq, display_name,
            unknown_params: unknown_params.into_iter().map(|(name, value)| UnknownParam { name, value }).collect(),
            pub_gruu,
            temp_gruu: temp_gruu.map(|(uri, first_cseq)| TempGruu { uri, first_cseq }),
        }
    }
}

fn registrations() -> impl Strategy<Value = Document> {
    let registration = (
        uri(),
        prop::sample::select(RegistrationState::KNOWN),
        prop::collection::vec(contact(), 0..3),
    );
    (any::<u32>(), prop::collection::vec(registration, 0..3)).prop_map(|(version, rows)| {
        let rows = rows.into_iter().enumerate().map(|(row, (aor, state, contacts))| {
            let contacts = contacts.into_iter().enumerate();
            Registration {
                aor,
                id: format!("r{row}").into(),
                state: state.into(),
                contacts: contacts
                    .map(|(at, contact)| Contact {
                        id: format!("c{row}-{at}").into(),
                        ..contact
                    })
                    .collect(),
            }
        });
        Document::Registrations(Registrations {
            version: Some(version),
            state: Extent::Partial,
            registrations: rows.collect(),
        })
    })
}

fn watchers() -> impl Strategy<Value = Document> {
    let watcher = (
        uri(),
        prop::sample::select(WatcherStatus::KNOWN),
        prop::sample::select(WatcherEvent::KNOWN),
        (prop::option::of(text()), prop::option::of("[a-z]{2}")),
        any::<(Option<u64>, Option<u64>)>(),
    );
    let list = (uri(), "[a-z.]{1,8}", prop::collection::vec(watcher, 0..4));
    (any::<u32>(), prop::collection::vec(list, 0..3)).prop_map(|(version, lists)| {
        let lists = lists
            .into_iter()
            .enumerate()
            .map(|(row, (resource, package, watchers))| WatcherList {
                resource,
                package: package.into(),
                watchers: watchers
                    .into_iter()
                    .enumerate()
                    .map(
                        |(
                            at,
                            (uri, status, event, (display_name, lang), (expiration, duration_subscribed)),
                        )| Watcher {
                            id: format!("w{row}-{at}").into(),
                            uri,
                            status: status.into(),
                            event: event.into(),
                            display_name,
                            lang: lang.map(Into::into),
                            expiration,
                            duration_subscribed,
                        },
                    )
                    .collect(),
            });
        Document::WatcherInfo(WatcherInfo {
            version: Some(version),
            state: Extent::Full,
            watcher_lists: lists.collect(),
        })
    })
}

fn lists() -> impl Strategy<Value = Document> {
    let instance = (prop::sample::select(InstanceState::KNOWN), text(), text());
    let resource = (
        prop::collection::vec(note(), 0..2),
        prop::collection::vec(instance, 0..3),
    );
    (
        any::<(u32, bool)>(),
        uri(),
        prop::collection::vec(note(), 0..2),
        prop::collection::vec(resource, 0..4),
    )
        .prop_map(|((version, full_state), uri, names, resources)| {
            let resources = resources
                .into_iter()
                .enumerate()
                .map(|(row, (names, instances))| Resource {
                    uri: format!("sip:{row}@h").into(),
                    names,
                    instances: instances
                        .into_iter()
                        .enumerate()
                        .map(|(at, (state, reason, cid))| Instance {
                            id: format!("i{at}").into(),
                            state: state.into(),
                            reason: Some(reason),
                            cid: Some(["c", &cid].concat().into()),
                        })
                        .collect(),
                });
            Document::ResourceList(List {
                uri,
                version,
                full_state,
                cid: None,
                names,
                resources: resources.collect(),
            })
        })
}

/// CXML-03: any document that is written is valid, and reads as it was.
#[test]
fn cxml_03_any_table_is_valid() {
    fn valid(test: &str, schema: &str, documents: impl Strategy<Value = Document>) {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let written: Vec<Vec<u8>> = (0..150)
            .map(|_| lives(&documents.new_tree(&mut runner).unwrap().current()))
            .collect();
        assert_valid(test, schema, written.iter().map(|text| &text[..]));
    }
    valid("any-reginfo", "reginfo.xsd", registrations());
    valid("any-watcherinfo", "watcherinfo.xsd", watchers());
    valid("any-rlmi", "rlmi.xsd", lists());
}

/// CREG-01, CWI-01, CRL-01: what lacks something is used as far as it goes.
#[test]
fn liberal_reading() {
    let read =
        |content_type: &str, text: &str| Document::read(content_type, text.as_bytes()).unwrap().to_json();
    let told = read(
        reginfo::CONTENT_TYPE,
        r#"<reginfo xmlns="urn:ietf:params:xml:ns:reginfo"><registration/><registration aor="sip:a"><contact/><contact event="new"><uri> sip:c </uri></contact></registration></reginfo>"#,
    );
    assert_eq!(
        told,
        json!({"state": "full", "registrations": [{"aor": "sip:a", "id": "sip:a", "state": "", "contacts": [{"id": "sip:c", "state": "", "event": "new", "uri": "sip:c"}]}]})
    );
    let told = read(
        watcherinfo::CONTENT_TYPE,
        r#"<w:watcherinfo xmlns:w="urn:ietf:params:xml:ns:watcherinfo" version="99999999999"><w:watcher-list/><w:watcher-list resource="sip:r"><w:watcher/><w:watcher expiration="-1">sip:w</w:watcher></w:watcher-list></w:watcherinfo>"#,
    );
    assert_eq!(
        told,
        json!({"version": u32::MAX, "state": "full", "watcher_lists": [{"resource": "sip:r", "package": "", "watchers": [{"id": "sip:w", "uri": "sip:w", "status": "", "event": ""}]}]})
    );
}
