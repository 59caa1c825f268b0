//! A watcher (RFC 3856) of the simplest kind, over UDP: it subscribes, answers each NOTIFY and
//! prints it in plain words.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use sip_wire::{HeaderName, Limits, Message, Method, Printer, StartLine};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::words::words;
use crate::cli::{Failure, Output};
use crate::exit_codes;

/// Asked for, in seconds; asked for again after half of it.
const EXPIRES: u32 = 3600;
/// Until a SUBSCRIBE without an answer is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// The largest message.
const DATAGRAM: usize = 65_535;

/// Watches until `count` notifications that `counted` is open have come.
pub(super) async fn watch(
    server: SocketAddr,
    presentities: &[&str],
    counted: &str,
    count: Option<u64>,
    out: Output,
) -> Result<(), Failure> {
    let mut watcher = Watcher::new(server, presentities).await.map_err(broken)?;
    let mut buffer = vec![0; DATAGRAM];
    let mut seen = 0;
    loop {
        watcher.subscribe().await.map_err(broken)?;
        let received = tokio::time::timeout_at(watcher.due(), watcher.socket.recv(&mut buffer));
        // A port that nobody listens on shows here as well: it is tried again.
        let Ok(Ok(length)) = received.await else { continue };
        let Some(told) = watcher.receive(&buffer[..length]).await.map_err(broken)? else {
            continue;
        };
        let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        out.line(&format!("{}  {}", out.dim(&time), told.line(out)))?;
        if told.presentity == counted && told.is_open() {
            seen += 1;
        }
        if count.is_some_and(|count| seen >= count) {
            return Ok(());
        }
    }
}

fn broken(error: std::io::Error) -> Failure {
    Failure::new(exit_codes::INTERNAL, format!("the watcher failed: {error}"))
}

/// What a NOTIFY says.
struct Told {
    presentity: String,
    body: Option<String>,
}

impl Told {
    fn is_open(&self) -> bool {
        let words = self.body.as_deref().and_then(words);
        words.is_some_and(|words| words.starts_with("is open"))
    }

    fn line(&self, out: Output) -> String {
        let who = self.presentity.trim_start_matches("sip:");
        match self.body.as_deref() {
            None => format!("{who} has published nothing"),
            Some(body) => {
                let words =
                    words(body).unwrap_or_else(|| "sent something that is no presence document".to_owned());
                format!("{} {words}", out.bold(who))
            }
        }
    }
}

struct Subscription {
    presentity: String,
    local_tag: String,
    remote_tag: Option<String>,
    cseq: u32,
    /// When a SUBSCRIBE goes out next.
    due: Instant,
}

struct Watcher {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    /// By Call-ID.
    subscriptions: HashMap<String, Subscription>,
}

impl Watcher {
    async fn new(server: SocketAddr, presentities: &[&str]) -> std::io::Result<Watcher> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        socket.connect(server).await?;
        let local = socket.local_addr()?;
        let mut subscriptions = HashMap::new();
        for presentity in presentities {
            let subscription = Subscription {
                presentity: (*presentity).to_owned(),
                local_tag: token()?,
                remote_tag: None,
                cseq: 0,
                due: Instant::now(),
            };
            subscriptions.insert(token()?, subscription);
        }
        Ok(Watcher {
            socket,
            local,
            server,
            subscriptions,
        })
    }

    /// When there is something to send.
    fn due(&self) -> Instant {
        let dues = self.subscriptions.values().map(|s| s.due);
        dues.min().unwrap_or_else(Instant::now)
    }

    /// Sends what is due.
    async fn subscribe(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        for (call_id, subscription) in &mut self.subscriptions {
            if subscription.due > now {
                continue;
            }
            subscription.cseq += 1;
            subscription.due = now + AGAIN;
            let uri = &subscription.presentity;
            let mut out = Vec::new();
            let mut printer = Printer::request(&mut out, Method::Subscribe, uri);
            printer
                .header_fmt(
                    HeaderName::Via,
                    format_args!("SIP/2.0/UDP {};branch=z9hG4bK{};rport", self.local, token()?),
                )
                .number(HeaderName::MaxForwards, 70, "")
                .header_fmt(
                    HeaderName::From,
                    format_args!("<sip:watcher@example.com>;tag={}", subscription.local_tag),
                );
            match &subscription.remote_tag {
                Some(tag) => printer.header_fmt(HeaderName::To, format_args!("<{uri}>;tag={tag}")),
                None => printer.header_fmt(HeaderName::To, format_args!("<{uri}>")),
            };
            printer
                .header(HeaderName::CallId, call_id)
                .cseq(subscription.cseq, Method::Subscribe)
                .header_fmt(HeaderName::Contact, format_args!("<sip:watcher@{}>", self.local))
                .header(HeaderName::Event, "presence")
                .header(HeaderName::Accept, "application/pidf+xml")
                .number(HeaderName::Expires, u64::from(EXPIRES), "")
                .body(None, b"");
            // A server that is not there yet refuses; the next one may be heard.
            let _ = self.socket.send_to(&out, self.server).await;
        }
        Ok(())
    }

    /// Takes a message; what a NOTIFY says.
    async fn receive(&mut self, bytes: &[u8]) -> std::io::Result<Option<Told>> {
        let limits = Limits::default();
        let Ok(message) = Message::parse_datagram(bytes, &limits) else {
            return Ok(None);
        };
        let Ok(essentials) = message.essentials() else {
            return Ok(None);
        };
        let Some(subscription) = self.subscriptions.get_mut(essentials.call_id) else {
            return Ok(None);
        };
        match &message.start {
            StartLine::Status(status) => {
                if status.code >= 300 {
                    let reason = String::from_utf8_lossy(status.reason);
                    let words = format!("the SUBSCRIBE was answered {} {reason}", status.code);
                    return Err(std::io::Error::other(words));
                }
                if status.code >= 200 && essentials.cseq.number == subscription.cseq {
                    subscription.remote_tag = essentials.to_tag.map(str::to_owned);
                    subscription.due = Instant::now() + Duration::from_secs(u64::from(EXPIRES / 2));
                }
                Ok(None)
            }
            StartLine::Request(request) if request.method == Method::Notify => {
                let mut out = Vec::new();
                Printer::status(&mut out, 200, "OK")
                    .copy(HeaderName::Via, &message.headers)
                    .copy(HeaderName::From, &message.headers)
                    .copy(HeaderName::To, &message.headers)
                    .copy(HeaderName::CallId, &message.headers)
                    .copy(HeaderName::CSeq, &message.headers)
                    .body(None, b"");
                self.socket.send_to(&out, self.server).await?;
                let body = String::from_utf8_lossy(message.body).into_owned();
                Ok(Some(Told {
                    presentity: subscription.presentity.clone(),
                    body: (!body.trim().is_empty()).then_some(body),
                }))
            }
            StartLine::Request(_) => Ok(None),
        }
    }
}

/// A token that nobody else has.
fn token() -> std::io::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|e| std::io::Error::other(e.to_string()))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(random)))
}
