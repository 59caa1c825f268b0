//! What has to hold for any octets. Shared by the fuzz targets and by the ordinary test that replays
//! the seeds. A check that fails panics.

use sip_wire::typed::{DeltaSeconds, EntityTag, EventHeader, MediaType, RetryAfter, SubscriptionState};
use sip_wire::{ExtraHeaders, Frame, Framer, Limits, Message, NameAddr, Params, Printer, Uri, Via, grammar};

/// Any datagram: nothing panics, offsets are inside, what is copied is read back as it was.
pub(crate) fn message(data: &[u8]) {
    let message = match Message::parse_datagram(data, &Limits::default()) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset <= data.len());
            return;
        }
    };
    match message.essentials() {
        Ok(essentials) => {
            let _ = essentials.top_via.received_ip();
            let _ = (essentials.from.uri(), essentials.to.display_text());
        }
        Err(fault) => {
            assert!(fault.offset <= data.len());
            assert!(!fault.reason().is_empty());
        }
    }
    let mut copy = Vec::new();
    let mut printer = Printer::status(&mut copy, 200, "");
    let mut rows = 0;
    for (_, name, value) in message.headers.iter() {
        values(value);
        if let Ok(name) = std::str::from_utf8(name)
            && grammar::is_token(name.as_bytes())
            && !name.eq_ignore_ascii_case("l")
            && !name.eq_ignore_ascii_case("content-length")
        {
            printer.raw_header(name, value);
            rows += 1;
        }
    }
    printer.body(None, message.body);
    // values with folds have more blanks in the copy than in the limit
    let limits = Limits {
        message: 1 << 20,
        line: 1 << 20,
        headers: 1000,
        ..Limits::default()
    };
    if let Ok(again) = Message::parse_framed(&copy, &limits) {
        assert_eq!(again.headers.len(), rows + 1);
        assert_eq!(again.body, message.body);
    } else {
        panic!("a copy does not parse");
    }
}

fn values(value: &[u8]) {
    let _ = Via::parse(value);
    if let Ok(address) = NameAddr::parse(value) {
        let _ = address.uri().map(|uri| uri.key());
    }
    let _ = EventHeader::parse(value);
    let _ = MediaType::parse(value);
    let _ = SubscriptionState::parse(value);
    let _ = RetryAfter::parse(value);
    let _ = DeltaSeconds::parse(value);
    let _ = EntityTag::parse(value);
    if let Ok(params) = Params::parse(value) {
        let _ = params.iter().count();
    }
    let _ = (grammar::unfold(value), grammar::unquote(value));
}

/// A stream: the first octet says how large the segments are. The messages do not depend on it.
pub(crate) fn stream(data: &[u8]) {
    let Some((size, data)) = data.split_first() else {
        return;
    };
    let whole = framed(data, data.len().max(1));
    assert_eq!(framed(data, usize::from(*size).max(1)), whole);
    assert_eq!(framed(data, 1), whole);
}

fn framed(data: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
    let limits = Limits {
        message: 4096,
        ..Limits::stream()
    };
    let mut framer = Framer::new(limits);
    let mut messages = Vec::new();
    for segment in data.chunks(size) {
        framer.push(segment);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(cut))) => {
                    assert!(Message::parse_framed(&cut, &limits).is_ok());
                    messages.push(cut.to_vec());
                }
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

/// A URI: what is printed is the same URI, a key is its own key.
pub(crate) fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Uri::parse(text) {
        Ok(uri) => {
            let printed = uri.to_string();
            match Uri::parse(&printed) {
                Ok(again) => {
                    assert!(uri.same_as(&again) && again.same_as(&uri));
                    assert_eq!(again.key(), uri.key());
                }
                Err(fault) => panic!("{printed}: {fault}"),
            }
            let key = uri.key();
            assert!(Uri::parse(&key).is_ok_and(|again| again.key() == key), "{key}");
        }
        Err(fault) => assert!(fault.offset <= text.len()),
    }
}

/// Headers of an application: rows, and nothing else.
pub(crate) fn extra_headers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(extra) = ExtraHeaders::parse(text) else {
        return;
    };
    assert_eq!(ExtraHeaders::parse(extra.as_str()).as_ref(), Ok(&extra));
    let octets = format!("BYE sip:h SIP/2.0\r\n{extra}Content-Length: 0\r\n\r\n");
    let limits = Limits {
        line: 1 << 20,
        headers: 1000,
        ..Limits::stream()
    };
    match Message::parse_framed(octets.as_bytes(), &limits) {
        Ok(message) => assert_eq!(message.headers.len(), extra.iter().count() + 1),
        Err(error) => panic!("{error}"),
    }
}
