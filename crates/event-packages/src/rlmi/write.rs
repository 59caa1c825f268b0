//! Writing, valid against the schema of RFC 4662 §5.1.

use super::{InstanceState, List, NAMESPACE};
use crate::xml::XmlWriter;
use crate::{DocumentError, Note, versioned};

impl List {
    /// Writes the document.
    ///
    /// # Errors
    /// URIs or ids that are missing, an active instance without `cid`, one that ended without `reason`.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = XmlWriter::new();
        let invalid = |what: &str, path: String| Err(DocumentError::invalid(what).at_path(path));
        versioned::check_uri(&self.uri).map_err(|error| error.at_path("uri"))?;
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
        write_names(&mut out, &self.names).map_err(|error| error.at_path("names"))?;
        for (index, resource) in self.resources.iter().enumerate() {
            let uri = versioned::check_uri(&resource.uri);
            uri.map_err(|error| error.at_path(format!("resources[{index}].uri")))?;
            out.start("resource", &[("uri", Some(&resource.uri))]);
            let names = write_names(&mut out, &resource.names);
            names.map_err(|error| error.at_path(format!("resources[{index}].names")))?;
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

fn write_names(out: &mut XmlWriter, names: &[Note]) -> Result<(), DocumentError> {
    for name in names {
        versioned::check_language(name.lang.as_deref())?;
        out.element("name", &[("xml:lang", name.lang.as_deref())], &name.text);
    }
    Ok(())
}
