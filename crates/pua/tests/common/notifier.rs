//! What a notifier does, played by the test.

use super::{Daemon, Request, Server};

/// Grants a SUBSCRIBE.
pub(crate) fn grant(server: &Server, subscribe: &Request, expires: u32) {
    let contact = server.address();
    server.respond(
        subscribe,
        "200 OK",
        &format!("Contact: <sip:{contact}>\r\nExpires: {expires}\r\n"),
    );
}

/// Sends a NOTIFY in the dialog that a SUBSCRIBE made, and takes the answer.
pub(crate) fn notify(
    daemon: &Daemon,
    server: &Server,
    subscribe: &Request,
    cseq: u32,
    state: &str,
    body: &str,
) {
    let header = |name: &str| subscribe.header(name).unwrap();
    let target = header("Contact");
    let target = target.split(['<', '>']).nth(1).unwrap();
    let to = header("To").split(";tag=").next().unwrap();
    let kind = match body {
        "" => "",
        _ => "Content-Type: application/pidf+xml\r\n",
    };
    let text = format!(
        "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKn{cseq}\r\nMax-Forwards: 70\r\n\
         From: {to};tag=server\r\nTo: {from}\r\nCall-ID: {call}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:{at}>\r\n\
         Event: presence\r\nSubscription-State: {state}\r\n{kind}Content-Length: {length}\r\n\r\n{body}",
        at = server.address(),
        from = header("From"),
        call = header("Call-ID"),
        length = body.len(),
    );
    server.udp.send_to(text.as_bytes(), daemon.sip()).unwrap();
    let answer = server.receive();
    assert!(answer.text.starts_with("SIP/2.0 200 "), "{}", answer.text);
}
