//! The calls that are made: a document of the size that phones publish, in the dialects of both
//! management interfaces.

use std::io::Write as _;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Bytes of each document.
pub(crate) const DOCUMENT_BYTES: usize = 437;

/// The command, and when it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// `pua_publish` of OpenSIPS: answered with the presence server's response.
    Publish,
    /// `pua.publish` of Kamailio: the same; there over HTTP only.
    Wait,
    /// `pua.send_publish` of Kamailio: answered when it is taken.
    Send,
}

impl Command {
    /// As it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Command::Publish => "pua_publish",
            Command::Wait => "pua.publish",
            Command::Send => "pua.send_publish",
        }
    }

    /// What an answer to a call that went well holds, once for each call.
    fn sign(self) -> &'static [u8] {
        match self {
            Command::Publish => b"\"reply\":\"200 ",
            Command::Wait => b"\"SIP-ETag\"",
            Command::Send => b"\"result\"",
        }
    }

    /// How many calls an answer says went well.
    pub(crate) fn good(self, answer: &[u8]) -> usize {
        let sign = self.sign();
        answer.windows(sign.len()).filter(|at| *at == sign).count()
    }
}

/// Appends the `revision`th document of a user: [`DOCUMENT_BYTES`] bytes, and no two with the same
/// note, so that what stores them gains nothing from their being alike.
fn document(out: &mut Vec<u8>, user: usize, revision: usize) {
    let begin = out.len();
    let _ = write!(
        out,
        "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:u{user}@example.com'><tuple id='t1'><status><basic>open</basic></status></tuple><dm:person id='p1'><rpid:activities><rpid:away/></rpid:activities><dm:note>"
    );
    const END: &str = "</dm:note></dm:person></presence>";
    // A small generator of its own (splitmix64): the text depends on user and revision alone.
    let mut state = (user as u64) << 32 ^ revision as u64;
    while out.len() - begin + END.len() < DOCUMENT_BYTES {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.push(b'a' + (mixed >> 32) as u8 % 26);
    }
    out.extend_from_slice(END.as_bytes());
}

/// Appends one call. `reply` names the reply FIFO in Kamailio's way.
pub(crate) fn call(
    out: &mut Vec<u8>,
    command: Command,
    id: usize,
    user: usize,
    revision: usize,
    expires: i64,
    reply: Option<&str>,
) {
    let name = command.name();
    let _ = write!(out, "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{name}\",");
    if let Some(reply) = reply {
        let _ = write!(out, "\"reply_name\":\"{reply}\",");
    }
    match command {
        Command::Publish => {
            let _ = write!(
                out,
                "\"params\":{{\"presentity_uri\":\"sip:u{user}@example.com\",\"expires\":\"{expires}\",\"event_package\":\"presence\",\"content_type\":\"application/pidf+xml\",\"body\":\""
            );
            document(out, user, revision);
            out.extend_from_slice(b"\"}}");
        }
        Command::Wait | Command::Send => {
            // presentity, expires, package, content type, id, entity-tag, proxy, extra headers, body
            let _ = write!(
                out,
                "\"params\":[\"sip:u{user}@example.com\",\"{expires}\",\"presence\",\"application/pidf+xml\",\".\",\".\",\".\",\".\",\""
            );
            document(out, user, revision);
            out.extend_from_slice(b"\"]}");
        }
    }
}

/// The number after `"id":` in an answer, with or without quotes.
pub(crate) fn id_of(answer: &[u8]) -> Option<usize> {
    let name = b"\"id\":";
    let at = answer.windows(name.len()).rposition(|at| at == name)? + name.len();
    let digits = answer
        .get(at..)?
        .iter()
        .skip_while(|byte| matches!(byte, b' ' | b'\t' | b'"'));
    let mut number: Option<usize> = None;
    for digit in digits.take_while(|byte| byte.is_ascii_digit()) {
        number = Some(number.unwrap_or(0).checked_mul(10)? + usize::from(digit - b'0'));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_json_with_a_document_of_the_right_size() {
        for command in [Command::Publish, Command::Wait, Command::Send] {
            let mut text = Vec::new();
            call(&mut text, command, 5, 123_456, 7, 3600, Some("reply5"));
            let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(value["method"], command.name());
            assert_eq!(value["reply_name"], "reply5");
            let body = match command {
                Command::Publish => &value["params"]["body"],
                _ => &value["params"][8],
            };
            assert_eq!(body.as_str().unwrap().len(), DOCUMENT_BYTES);
        }
    }

    #[test]
    fn no_two_documents_are_alike() {
        let text = |user, revision| {
            let mut out = Vec::new();
            document(&mut out, user, revision);
            out
        };
        assert_ne!(text(1, 1), text(1, 2));
        assert_ne!(text(1, 1), text(2, 1));
        assert_eq!(text(1, 1), text(1, 1));
    }

    #[test]
    fn the_id_of_an_answer() {
        assert_eq!(id_of(br#"{"jsonrpc":"2.0","result":{},"id":17}"#), Some(17));
        assert_eq!(id_of(br#"{"id": "8","result":{}}"#), Some(8));
        assert_eq!(id_of(br#"{"id":null}"#), None);
    }

    #[test]
    fn good_answers_are_counted() {
        let one = br#"[{"id":1,"result":{"reply":"200 OK"}},{"id":2,"result":{"reply":"403 Forbidden"}}]"#;
        assert_eq!(Command::Publish.good(one), 1);
        assert_eq!(Command::Send.good(br#"{"result":{},"id":1}"#), 1);
        assert_eq!(Command::Send.good(br#"{"error":{"code":500},"id":1}"#), 0);
    }
}
