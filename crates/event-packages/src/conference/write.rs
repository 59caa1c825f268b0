//! Writing, valid against the schema of RFC 4575 §6.

use super::{
    Conference, Description, ElementState, Endpoint, Entries, Execution, HostInfo, Media, NAMESPACE,
    UriEntry, User,
};
use crate::xml::XmlWriter;
use crate::{DocumentError, note, versioned};

/// What the schema knows of the state of a stream.
pub(super) const MEDIA_STATUS: [&str; 4] = ["recvonly", "sendonly", "sendrecv", "inactive"];
/// What it knows of the state of a device.
pub(super) const ENDPOINT_STATUS: [&str; 9] = [
    "pending",
    "dialing-out",
    "dialing-in",
    "alerting",
    "on-hold",
    "connected",
    "muted-via-focus",
    "disconnecting",
    "disconnected",
];
/// How a device came.
pub(super) const JOINING: [&str; 3] = ["dialed-in", "dialed-out", "focus-owner"];
/// How it went.
pub(super) const DISCONNECTION: [&str; 4] = ["departed", "booted", "failed", "busy"];

impl Conference {
    /// Writes the document.
    ///
    /// # Errors
    /// URIs that are none, keys that are missing, values that the schema does not know.
    pub fn write(&self) -> Result<Vec<u8>, DocumentError> {
        let mut out = XmlWriter::new();
        let mut scribe = Scribe(&mut out);
        scribe.conference("conference-info", self, true);
        out.finish()
    }
}

struct Scribe<'a>(&'a mut XmlWriter);

impl Scribe<'_> {
    fn uri(&mut self, text: &str, path: &str) {
        if let Err(error) = versioned::check_uri(text) {
            self.0.refuse(error.at_path(path));
        }
    }

    fn one_of(&mut self, text: Option<&str>, known: &[&str], path: &str) {
        if text.is_some_and(|text| !known.contains(&text)) {
            let known = known.join(", ");
            self.0
                .refuse(DocumentError::invalid(format!("has to be one of {known}")).at_path(path));
        }
    }

    fn conference(&mut self, name: &str, conference: &Conference, root: bool) {
        self.uri(&conference.entity, "entity");
        let version = match conference.version {
            None if root => Some(0),
            version => version,
        };
        let version = version.map(|version| version.to_string());
        self.0.start(
            name,
            &[
                ("xmlns", root.then_some(NAMESPACE)),
                ("entity", Some(&conference.entity)),
                ("state", Some(conference.state.as_str())),
                ("version", version.as_deref()),
            ],
        );
        if let Some(description) = &conference.description {
            self.description(description);
        }
        if let Some(host) = &conference.host_info {
            self.host(host);
        }
        if let Some(state) = &conference.conference_state {
            let word = |value: Option<bool>| value.map(|value| if value { "true" } else { "false" });
            self.0.start("conference-state", &[]);
            self.0.optional(
                "user-count",
                state.user_count.map(|count| count.to_string()).as_deref(),
            );
            self.0.optional("active", word(state.active));
            self.0.optional("locked", word(state.locked));
            self.0.end();
        }
        self.entries("users", conference.users.as_ref(), Self::user);
        self.uris("sidebars-by-ref", conference.sidebars_by_ref.as_ref());
        self.entries(
            "sidebars-by-val",
            conference.sidebars_by_val.as_ref(),
            |scribe, sidebar| {
                scribe.conference("entry", sidebar, false);
            },
        );
        self.0.end();
    }

    fn entries<T>(&mut self, name: &str, set: Option<&Entries<T>>, one: impl Fn(&mut Self, &T)) {
        let Some(set) = set else { return };
        let state = (set.state != ElementState::Full).then(|| set.state.as_str());
        self.0.start(name, &[("state", state)]);
        for entry in &set.entries {
            one(self, entry);
        }
        self.0.end();
    }

    /// A set of URIs, which the schema does not let be empty.
    fn uris(&mut self, name: &str, set: Option<&Entries<UriEntry>>) {
        self.entries(
            name,
            set.filter(|set| !set.entries.is_empty()),
            |scribe, entry| {
                scribe.0.start("entry", &[]);
                scribe.uri(&entry.uri, "uri");
                scribe.0.element("uri", &[], &entry.uri);
                scribe.0.optional("display-text", entry.display_text.as_deref());
                scribe.0.optional("purpose", entry.purpose.as_deref());
                scribe.execution("modified", entry.modified.as_ref());
                scribe.0.end();
            },
        );
    }

    fn description(&mut self, description: &Description) {
        self.0.start("conference-description", &[]);
        self.0
            .optional("display-text", description.display_text.as_deref());
        self.0.optional("subject", description.subject.as_deref());
        self.0.optional("free-text", description.free_text.as_deref());
        let keywords = (!description.keywords.is_empty()).then(|| description.keywords.join(" "));
        self.0.optional("keywords", keywords.as_deref());
        self.uris("conf-uris", description.conf_uris.as_ref());
        self.uris("service-uris", description.service_uris.as_ref());
        let most = description.maximum_user_count.map(|count| count.to_string());
        self.0.optional("maximum-user-count", most.as_deref());
        if !description.available_media.is_empty() {
            self.0.start("available-media", &[]);
            for medium in &description.available_media {
                self.one_of(medium.status.as_deref(), &MEDIA_STATUS, "available_media.status");
                self.0.start("entry", &[("label", Some(&medium.label))]);
                self.0.optional("display-text", medium.display_text.as_deref());
                self.0.element("type", &[], &medium.kind);
                self.0.optional("status", medium.status.as_deref());
                self.0.end();
            }
            self.0.end();
        }
        self.0.end();
    }

    fn host(&mut self, host: &HostInfo) {
        self.0.start("host-info", &[]);
        self.0.optional("display-text", host.display_text.as_deref());
        if let Some(page) = &host.web_page {
            self.uri(page, "host_info.web_page");
            self.0.element("web-page", &[], page);
        }
        self.uris("uris", host.uris.as_ref());
        self.0.end();
    }

    fn execution(&mut self, name: &str, execution: Option<&Execution>) {
        let Some(execution) = execution else { return };
        self.0.start(name, &[]);
        self.0
            .optional("when", execution.when.map(|when| when.to_string()).as_deref());
        self.0.optional("reason", execution.reason.as_deref());
        if let Some(by) = &execution.by {
            self.uri(by, "by");
            self.0.element("by", &[], by);
        }
        self.0.end();
    }

    fn user(&mut self, user: &User) {
        self.uri(&user.entity, "users.entity");
        let state = (user.state != ElementState::Full).then(|| user.state.as_str());
        self.0
            .start("user", &[("entity", Some(&user.entity)), ("state", state)]);
        self.0.optional("display-text", user.display_text.as_deref());
        self.uris("associated-aors", user.associated_aors.as_ref());
        if !user.roles.is_empty() {
            self.0.start("roles", &[]);
            for role in &user.roles {
                self.0.element("entry", &[], role);
            }
            self.0.end();
        }
        if let Some(wrong) = user.languages.iter().find(|lang| !note::is_language(lang)) {
            let fault = versioned::check_language(Some(wrong));
            if let Err(error) = fault {
                self.0.refuse(error.at_path("users.languages"));
            }
        }
        let languages = (!user.languages.is_empty()).then(|| user.languages.join(" "));
        self.0.optional("languages", languages.as_deref());
        if let Some(focus) = &user.cascaded_focus {
            self.uri(focus, "users.cascaded_focus");
            self.0.element("cascaded-focus", &[], focus);
        }
        for endpoint in &user.endpoints {
            self.endpoint(endpoint);
        }
        self.0.end();
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        self.one_of(
            endpoint.status.as_deref(),
            &ENDPOINT_STATUS,
            "users.endpoints.status",
        );
        self.one_of(
            endpoint.joining_method.as_deref(),
            &JOINING,
            "users.endpoints.joining_method",
        );
        let disconnection = endpoint.disconnection_method.as_deref();
        self.one_of(
            disconnection,
            &DISCONNECTION,
            "users.endpoints.disconnection_method",
        );
        let state = (endpoint.state != ElementState::Full).then(|| endpoint.state.as_str());
        self.0.start(
            "endpoint",
            &[("entity", endpoint.entity.as_deref()), ("state", state)],
        );
        self.0.optional("display-text", endpoint.display_text.as_deref());
        self.execution("referred", endpoint.referred.as_ref());
        self.0.optional("status", endpoint.status.as_deref());
        self.0
            .optional("joining-method", endpoint.joining_method.as_deref());
        self.execution("joining-info", endpoint.joining_info.as_ref());
        self.0.optional("disconnection-method", disconnection);
        self.execution("disconnection-info", endpoint.disconnection_info.as_ref());
        for media in &endpoint.media {
            self.media(media);
        }
        if let Some(dialog) = &endpoint.call_info {
            self.0.start("call-info", &[]);
            self.0.start("sip", &[]);
            self.0.optional("display-text", dialog.display_text.as_deref());
            self.0.element("call-id", &[], &dialog.call_id);
            self.0.element("from-tag", &[], &dialog.from_tag);
            self.0.element("to-tag", &[], &dialog.to_tag);
            self.0.end();
            self.0.end();
        }
        self.0.end();
    }

    fn media(&mut self, media: &Media) {
        self.one_of(
            media.status.as_deref(),
            &MEDIA_STATUS,
            "users.endpoints.media.status",
        );
        self.0.start("media", &[("id", Some(&media.id))]);
        self.0.optional("display-text", media.display_text.as_deref());
        self.0.optional("type", media.kind.as_deref());
        self.0.optional("label", media.label.as_deref());
        self.0.optional("src-id", media.src_id.as_deref());
        self.0.optional("status", media.status.as_deref());
        self.0.end();
    }
}
