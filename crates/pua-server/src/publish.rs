//! PUBLISH, step by step as in RFC 3903 §6. Nothing is changed before all steps are passed.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sip_wire::{HeaderName, Uri};

use crate::compose::{Document, Kind};
use crate::config::Granted;
use crate::event::{Event, Operation};
use crate::server::Server;
use crate::store::{PublicationId, ResourceId};
use crate::uas::{Refusal, Reply, Request, With, refuse, refuse_with};

impl Server {
    /// Answers a PUBLISH.
    pub(crate) fn publish(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        uri: &Uri<'_>,
    ) -> Result<Reply, Refusal> {
        self.check_domain(uri)?;
        let wanted = self.config.auth.as_ref().is_some_and(|auth| auth.publish);
        self.authenticate(now, request, wanted)?;
        // Step 2.
        let package = self.event(request)?.package;
        // Step 3.
        self.key.set(package, uri);
        let resource = self.store.find(self.key.as_str());
        let held = match single_tag(request)? {
            None => None,
            Some(tag) => Some(
                resource
                    .and_then(|resource| self.store.find_tag(resource, tag))
                    .ok_or_else(|| refuse(412, "Conditional Request Failed"))?,
            ),
        };
        // Step 4.
        let expires = match self.config.publish.grant(Server::asked_expires(request)) {
            Granted::Seconds(seconds) => seconds,
            Granted::TooBrief { min } => {
                return Err(refuse_with(423, "Interval Too Brief", With::MinExpires(min)));
            }
        };
        // Step 5.
        let removing = held.is_some() && expires == 0;
        let document = if removing {
            None
        } else {
            self.document(request, package, held.is_none())?
        };
        match held {
            Some(publication) => self.change(now, publication, document, expires),
            None => {
                let document = document.unwrap_or_else(|| self.empty_document());
                self.begin(now, package, document, expires)
            }
        }
    }

    /// An initial publication, for the resource of `self.key`.
    fn begin(
        &mut self,
        now: Instant,
        package: &str,
        document: Document,
        expires: u32,
    ) -> Result<Reply, Refusal> {
        if expires == 0 {
            // Nothing may be stored, and nothing was: only the answer has a tag.
            self.counters.published += 1;
            return Ok(Reply::Published {
                tag: self.store.new_tag(),
                expires,
                changed: None,
            });
        }
        if self.store.publications() >= self.config.limits.publications {
            return Err(refuse_with(503, "Too Many Publications", With::RetryAfter(60)));
        }
        let resource = self.store.find_or_create(&self.key, package);
        let tag = self
            .store
            .insert(now, resource, document, expires, self.config.limits.documents);
        self.counters.published += 1;
        self.tell_published(resource, Operation::Initial, expires);
        Ok(Reply::Published {
            tag,
            expires,
            changed: Some(resource),
        })
    }

    /// Refresh, modification or removal.
    fn change(
        &mut self,
        now: Instant,
        publication: PublicationId,
        document: Option<Document>,
        expires: u32,
    ) -> Result<Reply, Refusal> {
        let gone = || refuse(412, "Conditional Request Failed");
        let resource = self.store.resource_of(publication).ok_or_else(gone)?;
        if expires == 0 {
            self.store.remove(publication);
            self.counters.removed += 1;
            self.tell_published(resource, Operation::Remove, 0);
            return Ok(Reply::Published {
                tag: self.store.new_tag(),
                expires,
                changed: Some(resource),
            });
        }
        let operation = match document {
            Some(_) => Operation::Modify,
            None => Operation::Refresh,
        };
        let tag = self
            .store
            .update(now, publication, document, expires)
            .ok_or_else(gone)?;
        match operation {
            Operation::Modify => self.counters.modified += 1,
            _ => self.counters.refreshed += 1,
        }
        self.tell_published(resource, operation, expires);
        Ok(Reply::Published {
            tag,
            expires,
            changed: (operation == Operation::Modify).then_some(resource),
        })
    }

    fn tell_published(&mut self, resource: ResourceId, operation: Operation, expires: u32) {
        if let Some(resource) = self.store.resource(resource) {
            let event = Event::Published {
                presentity: resource.presentity.clone(),
                package: resource.package.clone(),
                operation,
                expires,
            };
            self.tell(event);
        }
    }

    /// The document in the body; `None` if there is no body and none is needed.
    fn document(
        &mut self,
        request: &Request<'_>,
        package: &str,
        initial: bool,
    ) -> Result<Option<Document>, Refusal> {
        let body = request.message.body;
        let known = event_packages::registrations()
            .iter()
            .find(|known| known.name == package || (known.name == ".winfo" && package.ends_with(".winfo")));
        if body.is_empty() {
            return if initial && !known.is_some_and(|known| known.empty_body) {
                Err(refuse(400, "Missing Body"))
            } else {
                Ok(None)
            };
        }
        if body.len() > self.config.limits.document_bytes {
            return Err(refuse(413, "Request Entity Too Large"));
        }
        let encoded = request
            .message
            .headers
            .list(HeaderName::ContentEncoding)
            .any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        if encoded {
            return Err(refuse_with(415, "Unsupported Media Type", With::AcceptEncoding));
        }
        let content_type = request.text(HeaderName::ContentType).unwrap_or_default();
        match known.and_then(|known| known.content_type) {
            Some(expected) if !is_media_type(&content_type, expected) => {
                return Err(refuse_with(415, "Unsupported Media Type", With::Accept(expected)));
            }
            None if content_type.is_empty() => return Err(refuse(400, "Missing Content-Type")),
            _ => {}
        }
        if self.config.check_documents {
            Kind::of(package)
                .check(body)
                .map_err(|reason| refuse(400, reason))?;
        }
        Ok(Some(Document {
            content_type: self.media_type(&content_type),
            body: Bytes::copy_from_slice(body),
        }))
    }

    fn empty_document(&mut self) -> Document {
        Document {
            content_type: self.media_type(""),
            body: Bytes::new(),
        }
    }

    /// The text shared with the documents that have the same; there are few media types.
    fn media_type(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.media_types.iter().find(|known| &***known == text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        if self.media_types.len() < 32 && text.len() < 128 {
            self.media_types.push(new.clone());
        }
        new
    }
}

/// RFC 3903 §6 step 3: none, or exactly one entity-tag.
fn single_tag<'a>(request: &Request<'a>) -> Result<Option<&'a [u8]>, Refusal> {
    let mut rows = request.message.headers.all(HeaderName::SipIfMatch);
    let tag = rows.next();
    match tag {
        Some(tag) if rows.next().is_some() || !sip_wire::grammar::is_token(tag) => {
            Err(refuse(400, "Malformed SIP-If-Match"))
        }
        tag => Ok(tag),
    }
}

/// Whether a Content-Type names `expected`, whatever its parameters.
fn is_media_type(value: &str, expected: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default();
    // Blanks may stand round the slash (RFC 3261 §25.1, SLASH).
    essence
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .eq(expected.chars())
}
