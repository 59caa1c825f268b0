//! The part of a response that is copied from its request, and where it goes (RFC 3261 §8.2.6.2,
//! §18.2; RFC 3581 §4).

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use sip_wire::{HeaderName, Host, Message, Printer, Via};

use crate::flow::{Flow, Hop};

/// The port of a Via without one (RFC 3261 §18.1.1).
const DEFAULT_PORT: u16 = 5060;

/// Begins a response to `message`, received by `flow`: the status line, all Vias with the top one
/// stamped, From, To, Call-ID and CSeq. `to_tag` is added to a To that has no tag yet.
pub fn response<'b>(
    out: &'b mut Vec<u8>,
    code: u16,
    reason: &str,
    message: &Message<'_>,
    flow: &Flow,
    to_tag: Option<&str>,
) -> Printer<'b> {
    let headers = &message.headers;
    let mut printer = Printer::status(out, code, reason);
    let mut vias = headers.list(HeaderName::Via);
    if let Some(top) = vias.next() {
        stamp(&mut printer, top, flow);
    }
    for via in vias {
        printer.header(HeaderName::Via, via);
    }
    printer.copy_first(HeaderName::From, headers);
    match (headers.get(HeaderName::To), to_tag) {
        (Some(to), Some(tag)) if !has_tag(to) => {
            printer.header(HeaderName::To, [to, b";tag=", tag.as_bytes()].concat());
        }
        _ => {
            printer.copy_first(HeaderName::To, headers);
        }
    }
    printer.copy_first(HeaderName::CallId, headers);
    printer.copy_first(HeaderName::CSeq, headers);
    printer
}

/// Whether a To has a tag; also true of one whose tag stands in a value that does not parse.
fn has_tag(to: &[u8]) -> bool {
    match sip_wire::NameAddr::parse(to) {
        Ok(to) => to.params.has("tag"),
        Err(_) => to.windows(5).any(|window| window.eq_ignore_ascii_case(b";tag=")),
    }
}

/// Writes the top Via with `received` and `rport` as RFC 3261 §18.2.1 and RFC 3581 §4 want them.
/// What the client itself put into `received` does not stay.
fn stamp(printer: &mut Printer<'_>, top: &[u8], flow: &Flow) {
    let Ok(via) = Via::parse(top) else {
        printer.header(HeaderName::Via, top);
        return;
    };
    let source = flow.remote.ip().to_canonical();
    let sent_by = via.host.ip().map(|ip| ip.to_canonical());
    if via.rport.is_none() && via.received.is_none() && sent_by == Some(source) {
        printer.header(HeaderName::Via, top);
        return;
    }
    let params = via.params.as_bytes();
    let head = top
        .get(..top.len().saturating_sub(params.len()))
        .unwrap_or_default();
    // Writing to a Vec cannot fail.
    let mut value = Vec::with_capacity(top.len() + 64);
    value.extend_from_slice(head);
    for param in via.params.iter() {
        if param.name.eq_ignore_ascii_case("received") {
            continue;
        }
        value.push(b';');
        value.extend_from_slice(param.name.as_bytes());
        if param.name.eq_ignore_ascii_case("rport") {
            value.push(b'=');
            let _ = write!(value, "{}", flow.remote.port());
        } else if let Some(given) = param.value {
            value.push(b'=');
            value.extend_from_slice(given);
        }
    }
    value.extend_from_slice(b";received=");
    let _ = write!(value, "{source}");
    printer.header(HeaderName::Via, value);
}

/// Where the response to a request goes whose top Via is `via` (RFC 3261 §18.2.2, RFC 3581 §4). On
/// a stream: where to connect to if the connection is gone. `maddr` is not honoured: it would let
/// anyone have us send to anywhere.
#[must_use]
pub fn response_hop(via: &Via<'_>, flow: &Flow) -> Hop {
    let port = match via.rport {
        Some(_) if !flow.transport.is_reliable() => flow.remote.port(),
        _ => via.port.unwrap_or(DEFAULT_PORT),
    };
    Hop {
        transport: flow.transport,
        addr: SocketAddr::new(flow.remote.ip(), port),
    }
}

/// The sent-by of a Via in a form that compares: host in lower case or address, and port.
pub(crate) fn write_sent_by(out: &mut Vec<u8>, via: &Via<'_>) {
    match via.host {
        Host::Name(name) => out.extend(name.bytes().map(|byte| byte.to_ascii_lowercase())),
        Host::V4(ip) => write_ip(out, IpAddr::V4(ip)),
        Host::V6(ip) => write_ip(out, IpAddr::V6(ip)),
    }
    out.extend_from_slice(&via.port.unwrap_or(DEFAULT_PORT).to_be_bytes());
}

fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
}
