//! The examples of `docs/documents.md`: read, written, valid.

mod common;

use common::assert_valid;
use event_packages::Document;

/// The examples of each section: its content type, and the JSON blocks in it.
fn examples(page: &str) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let content_type = section.lines().next().unwrap_or_default().trim_matches('`');
        let blocks = section.split("\n```json\n").skip(1);
        all.extend(blocks.map(|block| (content_type, block.split("\n```").next().unwrap_or_default())));
    }
    all
}

#[test]
fn the_examples_of_the_page_are_documents() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/documents.md")).unwrap();
    let all = examples(&page);
    assert!(all.len() >= 3);
    for (number, (content_type, example)) in all.into_iter().enumerate() {
        let json = serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        let document =
            Document::from_json(content_type, &json).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert!(
            !matches!(document, Document::Raw(_)),
            "{content_type} has no typed form"
        );
        let written = document
            .write()
            .unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert_eq!(Document::read(content_type, &written).as_ref(), Ok(&document));
        let schema = match content_type {
            "application/pidf+xml" => "all-presence.xsd".to_owned(),
            "application/simple-message-summary" => continue,
            xml => format!(
                "{}.xsd",
                xml.trim_start_matches("application/").trim_end_matches("+xml")
            ),
        };
        assert_valid(&format!("page-{number}"), &schema, [written.as_slice()]);
    }
}
