//! The last word on a stream that has got out of step: 400, if the head tells whom to answer
//! (RFC 3261 §18.3).

use bytes::Bytes;
use sip_wire::{FrameError, FrameErrorKind, HeaderName, Limits, Message, Printer, StartLine, reason_phrase};

/// The headers that tell a client which request is answered (RFC 3261 §8.2.6.2).
const COPIED: [HeaderName; 5] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
];

/// The answer to a message whose end is not known; `None` if it is not a request, or its head does
/// not say whom to answer.
pub(crate) fn answer(error: &FrameError) -> Option<Bytes> {
    let head = error.head.as_ref()?;
    let message = Message::parse_datagram(head, &Limits::stream()).ok()?;
    let StartLine::Request(request) = message.start else {
        return None;
    };
    if request.method.as_str() == "ACK" || COPIED.iter().any(|&name| message.headers.get(name).is_none()) {
        return None;
    }
    let (code, reason) = match error.kind {
        FrameErrorKind::TooLong(_) => (413, reason_phrase(413)),
        FrameErrorKind::Length(fault) => (400, fault.reason()),
        FrameErrorKind::Parse(_) => (400, reason_phrase(400)),
    };
    let mut bytes = Vec::with_capacity(512);
    let mut printer = Printer::status(&mut bytes, code, reason);
    for name in COPIED {
        printer.copy(name, &message.headers);
    }
    printer.body(None, b"");
    Some(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use sip_wire::Framer;

    use super::*;

    const HEAD: &str = "OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\n\
                        To: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n";

    fn framed(sent: &str) -> Option<String> {
        let mut framer = Framer::new(Limits::stream());
        framer.push(sent.as_bytes());
        let told = answer(&framer.next().unwrap_err())?;
        Some(String::from_utf8(told.to_vec()).unwrap())
    }

    #[test]
    fn a_request_with_a_senseless_length_is_told_400() {
        let told = framed(&format!("{HEAD}l: -5\r\n\r\nrest")).unwrap();
        assert!(told.starts_with("SIP/2.0 400 "), "{told}");
        assert!(told.contains("Call-ID: c\r\n"), "{told}");
        assert!(told.contains("branch=z9hG4bKa"), "{told}");
    }

    #[test]
    fn a_request_too_long_is_told_413() {
        let told = framed(&format!("{HEAD}l: 99999999\r\n\r\nrest")).unwrap();
        assert!(told.starts_with("SIP/2.0 413 "), "{told}");
    }

    #[test]
    fn responses_are_not_answered() {
        assert_eq!(framed("SIP/2.0 200 OK\r\nVia: x\r\n\r\n"), None);
    }
}
