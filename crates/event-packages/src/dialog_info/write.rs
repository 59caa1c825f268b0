//! Writing, valid against the schema of RFC 4235 §4.4.

use super::{CONTENT_TYPE, Dialog, DialogInfo, NAMESPACE, NameAddr, Participant};
use crate::xml::XmlWriter;
use crate::{DocumentError, versioned};

impl DialogInfo {
    /// Writes the document.
    ///
    /// # Errors
    /// No entity, ids that are missing or equal, values that the schema does not know.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = XmlWriter::new();
        versioned::check_uri(&self.entity).map_err(|error| error.at_path("entity"))?;
        let version = self.version.unwrap_or_default().to_string();
        out.start(
            "dialog-info",
            &[
                ("xmlns", Some(NAMESPACE)),
                ("version", Some(&version)),
                ("state", Some(self.state.as_str())),
                ("entity", Some(&self.entity)),
            ],
        );
        let mut ids = std::collections::BTreeSet::new();
        for (index, dialog) in self.dialogs.iter().enumerate() {
            let fault =
                |error: DocumentError, member: &str| error.at_path(format!("dialogs[{index}].{member}"));
            versioned::take_id(&mut ids, &dialog.id).map_err(|error| fault(error, "id"))?;
            write_dialog(&mut out, dialog).map_err(|(error, member)| fault(error, member))?;
        }
        out.finish()
    }

    /// The media type of what is written.
    pub fn content_type(&self) -> &'static str {
        CONTENT_TYPE
    }
}

/// A fault and the member it is about.
type Fault = (DocumentError, &'static str);

fn write_dialog(out: &mut XmlWriter, dialog: &Dialog) -> Result<(), Fault> {
    let at = |member: &'static str| move |error: DocumentError| (error, member);
    let direction = dialog.direction.as_ref();
    let direction = direction
        .map(|value| value.known())
        .transpose()
        .map_err(at("direction"))?;
    let event = dialog.event.as_ref();
    let event = event
        .map(|value| value.known())
        .transpose()
        .map_err(at("event"))?;
    let state = dialog.state.known().map_err(at("state"))?;
    if dialog.code.is_some_and(|code| !(100..700).contains(&code)) {
        return Err((DocumentError::invalid("has to be 100 to 699"), "code"));
    }
    out.start(
        "dialog",
        &[
            ("id", Some(&dialog.id)),
            ("call-id", dialog.call_id.as_deref()),
            ("local-tag", dialog.local_tag.as_deref()),
            ("remote-tag", dialog.remote_tag.as_deref()),
            ("direction", direction),
        ],
    );
    let code = dialog.code.map(|code| code.to_string());
    out.element("state", &[("event", event), ("code", code.as_deref())], state);
    out.optional(
        "duration",
        dialog.duration.map(|seconds| seconds.to_string()).as_deref(),
    );
    if let Some(replaces) = &dialog.replaces {
        out.empty(
            "replaces",
            &[
                ("call-id", Some(&replaces.call_id)),
                ("local-tag", Some(&replaces.local_tag)),
                ("remote-tag", Some(&replaces.remote_tag)),
            ],
        );
    }
    if let Some(by) = &dialog.referred_by {
        write_name_addr(out, "referred-by", by);
    }
    if !dialog.route_set.is_empty() {
        out.start("route-set", &[]);
        for hop in &dialog.route_set {
            out.element("hop", &[], hop);
        }
        out.end();
    }
    for (name, participant) in [("local", &dialog.local), ("remote", &dialog.remote)] {
        if let Some(participant) = participant {
            if !participant.other_identities.is_empty() {
                return Err((
                    DocumentError::invalid("the schema allows one identity for each side"),
                    name,
                ));
            }
            write_participant(out, name, participant);
        }
    }
    out.end();
    Ok(())
}

fn write_name_addr(out: &mut XmlWriter, name: &str, address: &NameAddr) {
    out.element(
        name,
        &[("display-name", address.display.as_deref())],
        &address.uri,
    );
}

fn write_participant(out: &mut XmlWriter, name: &str, participant: &Participant) {
    out.start(name, &[]);
    if let Some(identity) = &participant.identity {
        write_name_addr(out, "identity", identity);
    }
    if let Some(target) = &participant.target {
        out.start("target", &[("uri", Some(&target.uri))]);
        for param in &target.params {
            out.empty(
                "param",
                &[("pname", Some(&param.name)), ("pval", Some(&param.value))],
            );
        }
        out.end();
    }
    if let Some(description) = &participant.session_description {
        out.element(
            "session-description",
            &[("type", Some(&description.media_type))],
            &description.content,
        );
    }
    out.optional("cseq", participant.cseq.map(|cseq| cseq.to_string()).as_deref());
    out.end();
}
