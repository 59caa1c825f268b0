//! A presence document in plain words.

use roxmltree::{Document, Node};

/// `is open, away: CPU 12 %, memory 476 MB`; `None` if it is no presence document.
pub(super) fn words(body: &str) -> Option<String> {
    let document = Document::parse(body).ok()?;
    let presence = document.root_element();
    if presence.tag_name().name() != "presence" {
        return None;
    }
    let named = |name: &'static str| {
        presence
            .descendants()
            .filter(move |node| node.is_element() && node.tag_name().name() == name)
    };
    let mut words = match named("basic").map(text).collect::<Vec<_>>() {
        basics if basics.iter().any(|basic| basic == "open") => "is open".to_owned(),
        basics if basics.is_empty() => "tells nothing of its status".to_owned(),
        _ => "is closed".to_owned(),
    };
    let activities = named("activities").flat_map(|node| node.children().filter(Node::is_element));
    for activity in activities {
        let word = match activity.tag_name().name() {
            "note" => continue,
            "other" => text(activity),
            name => name.replace('-', " "),
        };
        words.push_str(&format!(", {word}"));
    }
    let notes: Vec<String> = named("note").map(|note| plain(&text(note))).collect();
    if !notes.is_empty() {
        words.push_str(&format!(": {}", notes.join("; ")));
    }
    Some(words)
}

fn text(node: Node<'_, '_>) -> String {
    // What comes from others is printed on a terminal.
    let text = node.text().unwrap_or_default().trim();
    text.chars().filter(|c| !c.is_control()).collect()
}

/// `CPU:12 MEM:476` as people say it; any other note as it is.
fn plain(note: &str) -> String {
    let said: Option<Vec<String>> = note
        .split_ascii_whitespace()
        .map(|pair| {
            let (name, value) = pair.split_once(':')?;
            Some(match name {
                "CPU" => format!("CPU {value} %"),
                "MEM" => format!("memory {value} MB"),
                "LOAD" => format!("load {value}"),
                "DISK" => format!("disk {value} %"),
                _ => return None,
            })
        })
        .collect();
    match said {
        Some(said) if !said.is_empty() => said.join(", "),
        _ => note.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_guides_document() {
        let body = "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='system@opensips.org'><tuple id='0x81475a0'><status><basic>open</basic></status></tuple><dm:person id='pdd748945'><rpid:activities><rpid:away/>away</rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person></presence>";
        assert_eq!(
            words(body).as_deref(),
            Some("is open, away: CPU 16 %, memory 476 MB")
        );
    }

    #[test]
    fn other_documents() {
        let one = |inner: &str| {
            words(&format!(
                "<presence xmlns='urn:ietf:params:xml:ns:pidf'>{inner}</presence>"
            ))
        };
        assert_eq!(
            one("<tuple id='a'><status><basic>closed</basic></status><note>at: home\u{7f}</note></tuple>")
                .as_deref(),
            Some("is closed: at: home")
        );
        assert_eq!(one("").as_deref(), Some("tells nothing of its status"));
        assert_eq!(words("<other/>"), None);
        assert_eq!(words("not XML"), None);
    }
}
