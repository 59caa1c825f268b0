//! Writing, valid against the schema of RFC 3680 §5.4.

use std::collections::BTreeSet;

use super::{Contact, ContactEvent, GRUU, NAMESPACE, Registrations};
use crate::xml::XmlWriter;
use crate::{DocumentError, versioned};

impl Registrations {
    /// Writes the document.
    ///
    /// # Errors
    /// URIs that are none, ids that are missing or equal, values that the schema does not know, `expires` missing where a
    /// binding was shortened, `retry_after` missing with probation.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = XmlWriter::new();
        let version = self.version.unwrap_or_default().to_string();
        let contacts = self.registrations.iter().flat_map(|one| &one.contacts);
        let gruu = contacts
            .into_iter()
            .any(|contact| contact.pub_gruu.is_some() || contact.temp_gruu.is_some());
        out.start(
            "reginfo",
            &[
                ("xmlns", Some(NAMESPACE)),
                ("xmlns:gr", gruu.then_some(GRUU)),
                ("version", Some(&version)),
                ("state", Some(self.state.as_str())),
            ],
        );
        let (mut ids, mut contact_ids) = (BTreeSet::new(), BTreeSet::new());
        for (index, registration) in self.registrations.iter().enumerate() {
            let path = |member: &str| format!("registrations[{index}].{member}");
            versioned::check_uri(&registration.aor).map_err(|error| error.at_path(path("aor")))?;
            versioned::take_id(&mut ids, &registration.id).map_err(|error| error.at_path(path("id")))?;
            let state = registration.state.known();
            let state = state.map_err(|error| error.at_path(path("state")))?;
            out.start(
                "registration",
                &[
                    ("aor", Some(&registration.aor)),
                    ("id", Some(&registration.id)),
                    ("state", Some(state)),
                ],
            );
            for (row, contact) in registration.contacts.iter().enumerate() {
                let fault =
                    |(error, member): Fault| error.at_path(path(&format!("contacts[{row}].{member}")));
                let id = versioned::take_id(&mut contact_ids, &contact.id);
                id.map_err(|error| fault((error, "id")))?;
                write_contact(&mut out, contact).map_err(fault)?;
            }
            out.end();
        }
        out.finish()
    }
}

/// A fault and the member it is about.
type Fault = (DocumentError, &'static str);

fn write_contact(out: &mut XmlWriter, contact: &Contact) -> Result<(), Fault> {
    let at = |member: &'static str| move |error: DocumentError| (error, member);
    let needed = |there: bool, member: &'static str| match there {
        true => Ok(()),
        false => Err((DocumentError::invalid("has to be there with this event"), member)),
    };
    if contact.event == ContactEvent::Shortened {
        needed(contact.expires.is_some(), "expires")?;
    }
    if contact.event == ContactEvent::Probation {
        needed(contact.retry_after.is_some(), "retry_after")?;
    }
    versioned::check_uri(&contact.uri).map_err(at("uri"))?;
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let [duration, expires, retry_after, cseq] = [
        number(contact.duration_registered),
        number(contact.expires),
        number(contact.retry_after),
        number(contact.cseq),
    ];
    out.start(
        "contact",
        &[
            ("id", Some(&contact.id)),
            ("state", Some(contact.state.known().map_err(at("state"))?)),
            ("event", Some(contact.event.known().map_err(at("event"))?)),
            ("duration-registered", duration.as_deref()),
            ("expires", expires.as_deref()),
            ("retry-after", retry_after.as_deref()),
            ("q", contact.q.as_deref()),
            ("callid", contact.callid.as_deref()),
            ("cseq", cseq.as_deref()),
        ],
    );
    out.element("uri", &[], &contact.uri);
    if let Some(name) = &contact.display_name {
        versioned::check_language(name.lang.as_deref()).map_err(at("display_name.lang"))?;
        out.element("display-name", &[("xml:lang", name.lang.as_deref())], &name.text);
    }
    for param in &contact.unknown_params {
        out.element("unknown-param", &[("name", Some(&param.name))], &param.value);
    }
    if let Some(gruu) = &contact.pub_gruu {
        out.empty("gr:pub-gruu", &[("uri", Some(gruu))]);
    }
    if let Some(gruu) = &contact.temp_gruu {
        let first_cseq = gruu.first_cseq.to_string();
        out.empty(
            "gr:temp-gruu",
            &[("uri", Some(&gruu.uri)), ("first-cseq", Some(&first_cseq))],
        );
    }
    out.end();
    Ok(())
}
