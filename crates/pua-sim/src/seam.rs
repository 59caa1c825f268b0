//! Bugs planted on purpose, to measure the oracles: what goes between the core and the world is
//! changed, the core itself is not.

use std::collections::BTreeMap;

use bytes::Bytes;
use pua_core::{Change, Output, Transmit};

/// A bug as an implementation could have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// What the server granted is not written to the store.
    GrantsNotStored,
    /// The end of a publication is not written to the store.
    EndsNotStored,
    /// After a refresh the entity-tag before it is sent.
    OldTag,
    /// Every tenth reply is lost.
    RepliesLost,
    /// Every tenth reply is given twice.
    RepliesTwice,
    /// A PUBLISH is followed by another at once.
    TwoInFlight,
    /// The entity-tag is kept after 412.
    TagKept,
    /// Retry-After is not read.
    RetryAfterIgnored,
    /// The lifetime is taken to be the one that was asked for.
    AskedNotGranted,
    /// A refresh brings the document along.
    BodyInRefresh,
    /// A request to another server has the branch of the first.
    SameBranch,
    /// CSeq goes up with retransmissions.
    CSeqInRetransmissions,
    /// A change is sent without its document.
    ModifyWithoutBody,
    /// A removal only asks for a short life.
    RemoveByExpiry,
    /// Retransmissions never stop: the final response does not end them.
    AnswersIgnored,
    /// The document of the change before is sent.
    StaleDocument,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 16] = [
        Bug::GrantsNotStored,
        Bug::EndsNotStored,
        Bug::OldTag,
        Bug::RepliesLost,
        Bug::RepliesTwice,
        Bug::TwoInFlight,
        Bug::TagKept,
        Bug::RetryAfterIgnored,
        Bug::AskedNotGranted,
        Bug::BodyInRefresh,
        Bug::SameBranch,
        Bug::CSeqInRetransmissions,
        Bug::ModifyWithoutBody,
        Bug::RemoveByExpiry,
        Bug::AnswersIgnored,
        Bug::StaleDocument,
    ];
}

/// The seam, with a bug in it or none.
pub(crate) struct Seam {
    bug: Option<Bug>,
    replies: u64,
    /// By Call-ID: what the last request was.
    last: BTreeMap<String, Last>,
    /// By branch as the core knows it: the bytes as they left.
    left: BTreeMap<String, Bytes>,
}

#[derive(Clone, Default)]
struct Last {
    cseq: String,
    branch: String,
    tag: Option<String>,
    body: Vec<u8>,
    kind: String,
    asked: String,
}

/// A message taken apart.
pub(crate) struct Parts {
    pub(crate) start: String,
    pub(crate) rows: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Parts {
    pub(crate) fn of(bytes: &[u8]) -> Option<Parts> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        Some(Parts {
            start: lines.next()?.to_owned(),
            rows: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: bytes[end + 4..].to_vec(),
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.rows
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.rows.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.rows.insert(
                self.rows.len().saturating_sub(1),
                (name.to_owned(), value.to_owned()),
            ),
        }
    }

    pub(crate) fn drop(&mut self, name: &str) {
        self.rows.retain(|(n, _)| n != name);
    }

    fn set_body(&mut self, kind: Option<&str>, body: &[u8]) {
        match kind {
            Some(kind) => self.set("Content-Type", kind),
            None => self.drop("Content-Type"),
        }
        self.body = body.to_vec();
        self.set("Content-Length", &body.len().to_string());
    }

    pub(crate) fn branch(&self) -> String {
        let via = self.get("Via").unwrap_or_default();
        let rest = via.split(";branch=").nth(1).unwrap_or_default();
        rest.split(';').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn set_branch(&mut self, branch: &str) {
        let old = self.branch();
        let via = self.get("Via").unwrap_or_default().replace(&old, branch);
        self.set("Via", &via);
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let mut out = format!("{}\r\n", self.start).into_bytes();
        for (name, value) in &self.rows {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out.into()
    }
}

impl Seam {
    pub(crate) fn new(bug: Option<Bug>) -> Seam {
        Seam {
            bug,
            replies: 0,
            last: BTreeMap::new(),
            left: BTreeMap::new(),
        }
    }

    /// What the core makes of what reaches it.
    pub(crate) fn arriving(&mut self, bytes: Bytes) -> Bytes {
        let Some(bug) = self.bug else { return bytes };
        let Some(mut parts) = Parts::of(&bytes) else {
            return bytes;
        };
        match bug {
            Bug::RetryAfterIgnored => parts.drop("Retry-After"),
            Bug::AskedNotGranted if parts.start.starts_with("SIP/2.0 2") => {
                if let Some(last) = parts.get("Call-ID").and_then(|call_id| self.last.get(call_id)) {
                    let asked = last.asked.clone();
                    parts.set("Expires", &asked);
                }
            }
            Bug::AnswersIgnored if parts.start.starts_with("SIP/2.0 2") => {
                parts.start = "SIP/2.0 100 Trying".to_owned();
            }
            _ => return bytes,
        }
        parts.bytes()
    }

    /// What the world sees of what the core does.
    pub(crate) fn leaving(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        let Some(bug) = self.bug else { return outputs };
        let mut left = Vec::with_capacity(outputs.len());
        for output in outputs {
            match output {
                Output::Persist(Change::Granted { .. }) if bug == Bug::GrantsNotStored => {}
                Output::Persist(Change::Delete { .. }) if bug == Bug::EndsNotStored => {}
                Output::Reply(id, reply) => {
                    self.replies += 1;
                    let tenth = self.replies.is_multiple_of(10);
                    if tenth && bug == Bug::RepliesTwice {
                        left.push(Output::Reply(id, reply.clone()));
                    }
                    if !(tenth && bug == Bug::RepliesLost) {
                        left.push(Output::Reply(id, reply));
                    }
                }
                Output::Transmit(transmit) => self.transmit(bug, transmit, &mut left),
                other => left.push(other),
            }
        }
        left
    }

    fn transmit(&mut self, bug: Bug, mut transmit: Transmit, left: &mut Vec<Output>) {
        let Some(mut parts) = Parts::of(&transmit.bytes).filter(|parts| parts.start.starts_with("PUBLISH"))
        else {
            left.push(Output::Transmit(transmit));
            return;
        };
        let branch = parts.branch();
        if let Some(bytes) = self.left.get(&branch) {
            transmit.bytes = bytes.clone();
            if bug == Bug::CSeqInRetransmissions {
                let mut parts = Parts::of(bytes).unwrap_or(parts);
                let cseq = parts.get("CSeq").unwrap_or_default();
                let number: u32 = cseq.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
                parts.set("CSeq", &format!("{} PUBLISH", number + 1));
                transmit.bytes = parts.bytes();
            }
            left.push(Output::Transmit(transmit));
            return;
        }
        let call_id = parts.get("Call-ID").unwrap_or_default().to_owned();
        let last = self.last.get(&call_id).cloned().unwrap_or_default();
        let now = Last {
            cseq: parts.get("CSeq").unwrap_or_default().to_owned(),
            branch: branch.clone(),
            tag: parts.get("SIP-If-Match").map(str::to_owned),
            body: if parts.body.is_empty() {
                last.body.clone()
            } else {
                parts.body.clone()
            },
            kind: parts.get("Content-Type").map_or(last.kind.clone(), str::to_owned),
            asked: parts.get("Expires").unwrap_or_default().to_owned(),
        };
        let removes = parts.get("Expires") == Some("0");
        let refreshes = parts.body.is_empty() && !removes;
        let modifies = now.tag.is_some() && !parts.body.is_empty();
        match bug {
            Bug::OldTag => {
                if let (Some(_), Some(old)) = (&now.tag, &last.tag) {
                    parts.set("SIP-If-Match", old);
                }
            }
            Bug::TagKept => {
                if let (None, Some(old)) = (&now.tag, &last.tag) {
                    parts.set("SIP-If-Match", old);
                }
            }
            Bug::BodyInRefresh if refreshes && !last.body.is_empty() => {
                parts.set_body(Some(&last.kind), &last.body)
            }
            Bug::SameBranch if last.cseq == now.cseq && !last.branch.is_empty() => {
                parts.set_branch(&last.branch)
            }
            Bug::ModifyWithoutBody if modifies => parts.set_body(None, b""),
            Bug::StaleDocument if modifies && !last.body.is_empty() => {
                parts.set_body(Some(&last.kind), &last.body)
            }
            Bug::RemoveByExpiry if removes => parts.set("Expires", "60"),
            _ => {}
        }
        self.last.insert(call_id, now);
        transmit.bytes = parts.bytes();
        self.left.insert(branch.clone(), transmit.bytes.clone());
        left.push(Output::Transmit(transmit.clone()));
        if bug == Bug::TwoInFlight {
            let number: u32 = parts
                .get("CSeq")
                .and_then(|cseq| cseq.split(' ').next()?.parse().ok())
                .unwrap_or(0);
            parts.set("CSeq", &format!("{} PUBLISH", number + 1));
            parts.set_branch(&format!("{branch}2"));
            transmit.bytes = parts.bytes();
            left.push(Output::Transmit(transmit));
        }
    }
}
