//! What has to hold for any octets at the management interface. Shared by the fuzz targets and by the ordinary test
//! that replays the seeds. A check that fails panics.

use pua_mi::{Command, FifoFramer, Outcome, Reply, Request, ResourceState, SubscriptionOutcome, Via};

/// What the FIFO gives: the requests do not depend on how the octets were split, and each can be answered. The first
/// octet says how large the pieces are.
pub(crate) fn fifo(data: &[u8]) {
    let Some((size, data)) = data.split_first() else {
        return;
    };
    let whole = framed(data, data.len().max(1));
    assert_eq!(framed(data, usize::from(*size).max(1)), whole);
    assert_eq!(framed(data, 1), whole);
    for request in whole {
        exchange(&request, Via::Fifo);
    }
}

fn framed(data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut framer = FifoFramer::new(4096);
    let mut requests = Vec::new();
    for piece in data.chunks(size) {
        framer.push(piece);
        requests.extend(std::iter::from_fn(|| framer.next()));
    }
    framer.writers_gone();
    requests.extend(std::iter::from_fn(|| framer.next()));
    requests.into_iter().map(|request| request.bytes).collect()
}

/// A request as it comes by the other transports: it is answered exactly if it is to be, and with one text.
pub(crate) fn request(data: &[u8]) {
    for via in [Via::Datagram, Via::Stream, Via::Http] {
        exchange(data, via);
    }
}

fn exchange(data: &[u8], via: Via) {
    let request = Request::parse(data, via);
    assert!(!request.calls.is_empty());
    let text = String::from_utf8_lossy(data);
    let said = Outcome {
        code: 403,
        reason: (&*text).into(),
        ..Outcome::default()
    };
    let replies: Vec<Reply> = request
        .calls
        .iter()
        .map(|call| match &call.command {
            Ok(Command::Subscribe(_) | Command::Unsubscribe(_)) => {
                Reply::Subscribed(Box::new(SubscriptionOutcome {
                    response: said.clone(),
                    state: "terminated",
                    termination: Some(text.to_string()),
                    states: vec![ResourceState {
                        resource: text.to_string(),
                        ..ResourceState::default()
                    }],
                    raw: true,
                }))
            }
            Ok(_) => Reply::Published(said.clone()),
            Err(error) => Reply::Error(error.clone()),
        })
        .collect();
    let answer = request.encode(&replies);
    assert_eq!(answer.is_some(), request.answer.is_wanted());
    let Some(Ok(text)) = answer.map(String::from_utf8) else {
        return;
    };
    let lines = text.trim_end_matches('\n');
    let classic = text == "400 Parse_error" || (text.ends_with("\n\n") && !lines.contains("\n\n"));
    let json = lines.starts_with(['{', '[']) && !lines.contains('\n');
    let xml = lines.starts_with("<?xml") && lines.ends_with("</methodResponse>");
    assert!(classic || json || xml, "{text:?}");
}
