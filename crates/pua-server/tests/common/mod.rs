//! A server on a bench: text in, text out, time by hand.
#![allow(dead_code, unreachable_pub)] // each test program uses its own part

use std::time::{Duration, Instant};

use pua_server::{Config, Event, Input, Output, Server};
use sip_transaction::{Flow, Transmit, Transport};

/// The document of the OpenSIPS admin guide: valid by no schema, and in every phone's log.
pub const GUIDE: &str = "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' xmlns:c='urn:ietf:params:xml:ns:pidf:cipid' entity='system@opensips.org'><tuple id='0x81475a0'><status><basic>open</basic></status></tuple><dm:person id='pdd748945'><rpid:activities><rpid:away/>away</rpid:activities><dm:note>CPU:16 MEM:476</dm:note></dm:person></presence>";

pub fn tuple(id: &str) -> String {
    format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:alice@example.com'><tuple id='{id}'><status><basic>open</basic></status></tuple></presence>"
    )
}

pub const PIDF: &str = "Content-Type: application/pidf+xml\r\n";

pub struct Bench {
    pub server: Server,
    pub base: Instant,
    pub now: Instant,
    pub flow: Flow,
    /// What was sent and not yet looked at.
    pub sent: Vec<Transmit>,
    pub events: Vec<Event>,
    branch: u32,
    /// The Call-ID of the last dialog.
    call_id: String,
}

impl Bench {
    pub fn new(config: Config) -> Bench {
        let base = Instant::now();
        Bench {
            server: Server::new(base, config, [7; 32]),
            base,
            now: base,
            flow: Flow {
                transport: Transport::Udp,
                local: "192.0.2.1:5060".parse().unwrap(),
                remote: "198.51.100.7:5060".parse().unwrap(),
                connection: 0,
            },
            sent: Vec::new(),
            events: Vec::new(),
            branch: 0,
            call_id: "none@w".to_owned(),
        }
    }

    pub fn over_tcp(mut self) -> Bench {
        self.flow.transport = Transport::Tcp;
        self.flow.remote.set_port(41_000);
        self.flow.connection = 3;
        self
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.server.handle_input(self.now, input);
        self.drain();
    }

    pub fn stop(&mut self) {
        self.server.stop(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Transmit(transmit) => self.sent.push(transmit),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    pub fn receive(&mut self, text: &str) {
        let flow = self.flow;
        self.input(Input::Received {
            flow: &flow,
            bytes: text.as_bytes(),
        });
    }

    /// Lets time pass, waking the server whenever it asks for it.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        self.now = until;
        self.input(Input::Timeout);
    }

    pub fn seconds(&mut self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    /// A request as it goes on the wire; `rows` are further header rows with their line ends.
    pub fn request(
        &mut self,
        method: &str,
        uri: &str,
        to_tag: &str,
        cseq: u32,
        rows: &str,
        body: &str,
    ) -> String {
        self.branch += 1;
        let call_id = match to_tag {
            "" => format!("call{}@w", self.branch),
            _ => self.call_id.clone(),
        };
        let to_tag = if to_tag.is_empty() {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} 198.51.100.7;branch=z9hG4bKb{}\r\nMax-Forwards: 70\r\nFrom: <sip:w@example.com>;tag=wt\r\nTo: <{uri}>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{rows}Content-Length: {}\r\n\r\n{body}",
            self.flow.transport.via_token(),
            self.branch,
            body.len()
        )
    }

    /// Sends a request and takes its response.
    pub fn ask(&mut self, method: &str, uri: &str, rows: &str, body: &str) -> Text {
        let text = self.request(method, uri, "", 1, rows, body);
        self.receive(&text);
        let response = self.take("SIP/2.0 ");
        if method == "SUBSCRIBE" {
            self.call_id = response.header("Call-ID").to_owned();
        }
        response
    }

    pub fn publish(&mut self, rows: &str, body: &str) -> Text {
        self.ask("PUBLISH", "sip:alice@example.com", rows, body)
    }

    pub fn publish_presence(&mut self, rows: &str, body: &str) -> Text {
        let kind = if body.is_empty() { "" } else { PIDF };
        self.publish(&format!("Event: presence\r\n{kind}{rows}"), body)
    }

    pub fn subscribe(&mut self, rows: &str) -> (Text, Text) {
        let rows = format!("Event: presence\r\nContact: <sip:w@198.51.100.7:5060>\r\n{rows}");
        let response = self.ask("SUBSCRIBE", "sip:alice@example.com", &rows, "");
        assert_eq!(response.code(), 200, "{}", response.0);
        (response, self.take("NOTIFY "))
    }

    /// A SUBSCRIBE in the dialog that `response` made.
    pub fn resubscribe(&mut self, response: &Text, cseq: u32, rows: &str) -> Text {
        let rows = format!("Event: presence\r\n{rows}");
        let text = self.request(
            "SUBSCRIBE",
            "sip:192.0.2.1:5060",
            response.to_tag(),
            cseq,
            &rows,
            "",
        );
        self.receive(&text);
        self.take("SIP/2.0 ")
    }

    /// Answers a NOTIFY.
    pub fn answer(&mut self, notify: &Text, code: u16) {
        let copied: String = notify
            .0
            .lines()
            .filter(|line| {
                ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
                    .iter()
                    .any(|name| line.starts_with(name))
            })
            .map(|line| format!("{line}\r\n"))
            .collect();
        self.receive(&format!("SIP/2.0 {code} X\r\n{copied}Content-Length: 0\r\n\r\n"));
    }

    /// Takes the one message sent that begins like this.
    pub fn take(&mut self, start: &str) -> Text {
        let at = self
            .sent
            .iter()
            .position(|transmit| transmit.bytes.starts_with(start.as_bytes()))
            .unwrap_or_else(|| panic!("no {start} among {:?}", self.sent));
        Text(String::from_utf8(self.sent.remove(at).bytes.to_vec()).unwrap())
    }

    pub fn nothing_sent(&self) {
        assert!(self.sent.is_empty(), "{:?}", self.sent);
    }
}

/// A message sent by the server.
#[derive(Debug, Clone)]
pub struct Text(pub String);

impl Text {
    pub fn code(&self) -> u16 {
        self.0[8..11].parse().unwrap()
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap();
        head.lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            ref other => panic!("{name}: {other:?} in {}", self.0),
        }
    }

    pub fn to_tag(&self) -> &str {
        self.header("To").split_once(";tag=").unwrap().1
    }

    pub fn etag(&self) -> String {
        format!("SIP-If-Match: {}\r\n", self.header("SIP-ETag"))
    }

    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").unwrap().1
    }
}
