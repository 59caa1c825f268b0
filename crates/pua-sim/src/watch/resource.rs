//! What is watched: the state of a presentity or a list, as documents, and what a watcher should
//! know of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use event_packages::Document as EventDocument;
use pua_core::ResourceState;
use rand::Rng;
use rand::rngs::StdRng;

/// What kind of state it is; each has documents of its own ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `presence`: whole documents, one dialog.
    Presence,
    /// `dialog`: whole or partial with versions, several dialogs.
    Dialog,
    /// `message-summary`: text, several dialogs.
    Messages,
    /// A package that nobody knows.
    Opaque,
    /// `presence` of a resource list (RFC 4662), whole or partial with versions.
    List,
}

impl Kind {
    pub(crate) fn of(presentity: &str, package: &str) -> Kind {
        match package.split(';').next().unwrap_or_default() {
            "presence" if presentity.contains("list") => Kind::List,
            "presence" => Kind::Presence,
            "dialog" => Kind::Dialog,
            "message-summary" => Kind::Messages,
            _ => Kind::Opaque,
        }
    }

    /// Whether a SUBSCRIBE may make several dialogs (RFC 6665 §5.4.9).
    pub(crate) fn is_several(self) -> bool {
        matches!(self, Kind::Dialog | Kind::Messages)
    }

    /// Whether only what has changed can be told.
    pub(crate) fn is_partial(self) -> bool {
        matches!(self, Kind::Dialog | Kind::List)
    }
}

/// What a watcher knows, or should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// The body as it is.
    Body(Bytes),
    /// Dialogs that are not over, with their states.
    Dialogs(BTreeMap<String, String>),
    /// The members of a list, with their bodies.
    Members(BTreeMap<String, Bytes>),
}

/// The state of something.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    pub(crate) revision: u64,
    dialogs: BTreeMap<String, &'static str>,
    members: BTreeMap<String, u64>,
}

const STATES: [&str; 3] = ["trying", "early", "confirmed"];

fn pidf(revision: u64) -> String {
    format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@d\"><tuple id=\"t\"><status><basic>{}</basic>\
         </status><note>[p=0 r={revision}]</note></tuple></presence>",
        if revision.is_multiple_of(2) {
            "open"
        } else {
            "closed"
        }
    )
}

impl Resource {
    pub(crate) fn new(kind: Kind, revision: u64) -> Resource {
        let members = match kind {
            Kind::List => (0..3)
                .map(|n| (format!("sip:m{n}@example.com"), revision))
                .collect(),
            _ => BTreeMap::new(),
        };
        Resource {
            kind,
            revision,
            dialogs: BTreeMap::new(),
            members,
        }
    }

    /// Becomes something else. `true`: what is missing now cannot be told in part.
    pub(crate) fn change(&mut self, rng: &mut StdRng, revision: u64) -> bool {
        self.revision = revision;
        match self.kind {
            Kind::Dialog => {
                let any = self.dialogs.keys().nth(rng.random_range(0..3)).cloned();
                match any {
                    Some(id) if rng.random_bool(0.4) => {
                        self.dialogs.remove(&id);
                    }
                    Some(id) => {
                        self.dialogs.insert(id, STATES[rng.random_range(0..3)]);
                    }
                    None => {
                        self.dialogs.insert(format!("d{revision}"), "trying");
                    }
                }
                false
            }
            Kind::List => {
                let count = self.members.len();
                if rng.random_bool(0.15) && count > 1 {
                    self.members.pop_first();
                    return true;
                }
                if rng.random_bool(0.2) && count < 8 {
                    self.members
                        .insert(format!("sip:m{revision}@example.com"), revision);
                }
                if let Some(member) = self.members.values_mut().nth(rng.random_range(0..count)) {
                    *member = revision;
                }
                false
            }
            Kind::Presence | Kind::Messages | Kind::Opaque => false,
        }
    }

    /// The document, with what has changed since `before`, or all of it.
    pub(crate) fn document(&self, before: Option<&Resource>, version: u32) -> (&'static str, Bytes) {
        match self.kind {
            Kind::Presence => ("application/pidf+xml", pidf(self.revision).into()),
            Kind::Messages => (
                "application/simple-message-summary",
                format!(
                    "Messages-Waiting: yes\r\nVoice-Message: {}/0 (0/0)\r\n",
                    self.revision
                )
                .into(),
            ),
            Kind::Opaque => ("text/plain", format!("[p=0 r={}]", self.revision).into()),
            Kind::Dialog => ("application/dialog-info+xml", self.dialog_info(before, version)),
            Kind::List => (
                "multipart/related;type=\"application/rlmi+xml\";start=\"<root@x>\";boundary=\"bnd\"",
                self.rlmi(before, version),
            ),
        }
    }

    fn dialog_info(&self, before: Option<&Resource>, version: u32) -> Bytes {
        let extent = if before.is_some() { "partial" } else { "full" };
        let mut text = format!(
            "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
             state=\"{extent}\" entity=\"sip:a@d\">"
        );
        let mut row = |id: &str, state: &str| {
            let _ = write!(text, "<dialog id=\"{id}\"><state>{state}</state></dialog>");
        };
        for (id, state) in &self.dialogs {
            if before.is_none_or(|before| before.dialogs.get(id) != Some(state)) {
                row(id, state);
            }
        }
        for id in before.iter().flat_map(|before| before.dialogs.keys()) {
            if !self.dialogs.contains_key(id) {
                row(id, "terminated");
            }
        }
        text.push_str("</dialog-info>");
        text.into()
    }

    fn rlmi(&self, before: Option<&Resource>, version: u32) -> Bytes {
        let told: Vec<_> = self
            .members
            .iter()
            .filter(|(uri, revision)| before.is_none_or(|before| before.members.get(*uri) != Some(*revision)))
            .collect();
        let mut text = format!(
            "--bnd\r\nContent-Type: application/rlmi+xml\r\nContent-ID: <root@x>\r\n\r\n<?xml version=\"1.0\"?>\
             <list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"sip:list@example.com\" version=\"{version}\" \
             fullState=\"{}\">",
            before.is_none()
        );
        for (uri, revision) in &told {
            let _ = write!(
                text,
                "<resource uri=\"{uri}\"><instance id=\"i\" state=\"active\" cid=\"c{revision}@x\"/></resource>"
            );
        }
        text.push_str("</list>\r\n");
        let mut revisions: Vec<u64> = told.iter().map(|(_, revision)| **revision).collect();
        revisions.sort_unstable();
        revisions.dedup();
        for revision in revisions {
            let _ = write!(
                text,
                "--bnd\r\nContent-Type: application/pidf+xml\r\nContent-ID: <c{revision}@x>\r\n\r\n{}\r\n",
                pidf(revision)
            );
        }
        text.push_str("--bnd--\r\n");
        text.into()
    }

    pub(crate) fn truth(&self) -> Truth {
        match self.kind {
            Kind::Dialog => Truth::Dialogs(
                self.dialogs
                    .iter()
                    .map(|(id, state)| (id.clone(), (*state).to_owned()))
                    .collect(),
            ),
            Kind::List => Truth::Members(
                self.members
                    .iter()
                    .map(|(uri, revision)| (uri.clone(), Bytes::from(pidf(*revision))))
                    .collect(),
            ),
            _ => Truth::Body(self.document(None, 0).1),
        }
    }
}

/// What was told by and by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    last: BTreeMap<String, ResourceState>,
}

impl Told {
    pub(crate) fn tell(&mut self, state: &ResourceState) {
        self.last.insert(state.resource.to_string(), state.clone());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// The last body of a resource.
    pub(crate) fn body(&self, resource: &str) -> Option<&Bytes> {
        self.last.get(resource).map(|state| &state.body)
    }

    pub(crate) fn truth(&self, kind: Kind) -> Option<Truth> {
        match kind {
            Kind::List => Some(Truth::Members(
                self.last
                    .iter()
                    .filter(|(_, state)| {
                        state
                            .member
                            .as_ref()
                            .is_none_or(|member| member.state.as_deref() != Some("terminated"))
                    })
                    .map(|(uri, state)| (uri.clone(), state.body.clone()))
                    .collect(),
            )),
            Kind::Dialog => {
                let state = self.last.values().next()?;
                match state.document.as_deref() {
                    Some(EventDocument::DialogInfo(info)) => Some(Truth::Dialogs(
                        info.dialogs
                            .iter()
                            .map(|dialog| (dialog.id.to_string(), dialog.state.as_str().to_owned()))
                            .filter(|(_, state)| state != "terminated")
                            .collect(),
                    )),
                    _ => None,
                }
            }
            _ => Some(Truth::Body(self.last.values().next()?.body.clone())),
        }
    }
}
