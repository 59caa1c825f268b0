//! Writing, valid against the schema of RFC 4662 §5.1.

use super::{InstanceState, List, NAMESPACE, Name};
use crate::DocumentError;
use crate::xml::XmlWriter;

impl List {
    /// Writes the document.
    ///
    /// # Errors
    /// URIs or ids that are missing, an active instance without `cid`, one that ended without `reason`.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = XmlWriter::new();
        let invalid = |what: &str, path: String| Err(DocumentError::invalid(what).at_path(path));
        if self.uri.is_empty() {
            return invalid("has to be the URI of the list", "uri".to_owned());
        }
        let version = self.version.to_string();
        let full_state = if self.full_state { "true" } else { "false" };
        out.start(
            "list",
            &[
                ("xmlns", Some(NAMESPACE)),
                ("uri", Some(&self.uri)),
                ("version", Some(&version)),
                ("fullState", Some(full_state)),
                ("cid", self.cid.as_deref()),
            ],
        );
        write_names(&mut out, &self.names);
        for (index, resource) in self.resources.iter().enumerate() {
            if resource.uri.is_empty() {
                return invalid("has to be a URI", format!("resources[{index}].uri"));
            }
            out.start("resource", &[("uri", Some(&resource.uri))]);
            write_names(&mut out, &resource.names);
            for (row, instance) in resource.instances.iter().enumerate() {
                let path = |member: &str| format!("resources[{index}].instances[{row}].{member}");
                let state = instance.state.known();
                let state = state.map_err(|error| error.at_path(path("state")))?;
                if instance.id.is_empty() {
                    return invalid("has to be there", path("id"));
                }
                if instance.state == InstanceState::Active && instance.cid.is_none() {
                    return invalid("has to be there when the state is active", path("cid"));
                }
                if instance.state == InstanceState::Terminated && instance.reason.is_none() {
                    return invalid("has to be there when the state is terminated", path("reason"));
                }
                out.empty(
                    "instance",
                    &[
                        ("id", Some(&instance.id)),
                        ("state", Some(state)),
                        ("reason", instance.reason.as_deref()),
                        ("cid", instance.cid.as_deref()),
                    ],
                );
            }
            out.end();
        }
        out.finish()
    }
}

fn write_names(out: &mut XmlWriter, names: &[Name]) {
    for name in names {
        out.element("name", &[("xml:lang", name.lang.as_deref())], &name.text);
    }
}
