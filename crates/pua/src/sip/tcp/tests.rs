//! The pool against real connections; the time is the test's own.

use std::io::{Read, Write};
use std::net::TcpStream as Peer;

use mio::{Events, Poll};

use super::*;
use crate::sip::TOKEN_LISTENER;

struct World {
    poll: Poll,
    streams: Streams,
    lost: Vec<Lost>,
    messages: Vec<(Flow, Vec<u8>)>,
    now: Instant,
}

fn world() -> World {
    let poll = Poll::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = poll.registry().try_clone().unwrap();
    let mut streams = Streams::new(registry, vec![listener]).unwrap();
    for (at, port) in streams.ports.iter_mut().enumerate() {
        poll.registry()
            .register(&mut port.listener, Token(TOKEN_LISTENER + at), Interest::READABLE)
            .unwrap();
    }
    World {
        poll,
        streams,
        lost: Vec::new(),
        messages: Vec::new(),
        now: Instant::now(),
    }
}

impl World {
    fn turn(&mut self) {
        let messages = &mut self.messages;
        self.streams.turn(self.now, &mut self.lost, |flow, bytes| {
            messages.push((*flow, bytes.to_vec()));
        });
    }

    /// Polls and takes turns until `done`.
    fn until(&mut self, done: impl Fn(&World) -> bool) {
        let mut events = Events::with_capacity(64);
        self.turn();
        while !done(self) {
            let pending = self.streams.pending();
            let patience = if pending { 0 } else { 10 };
            self.poll
                .poll(&mut events, Some(Duration::from_secs(patience)))
                .unwrap();
            assert!(pending || !events.is_empty(), "nothing happens");
            for event in &events {
                let token = event.token().0;
                if token >= TOKEN_CONNECTION {
                    let index = token - TOKEN_CONNECTION;
                    self.streams.on_event(self.now, index, event, &mut self.lost);
                } else {
                    self.streams.ports[0].readable = true;
                }
            }
            self.turn();
        }
    }

    fn connect(&self) -> Peer {
        let peer = Peer::connect(self.streams.ports[0].local).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        peer
    }

    fn send(&mut self, to: SocketAddr, number: Option<u64>, bytes: &'static [u8]) {
        let bytes = Bytes::from_static(bytes);
        self.streams.send(self.now, to, number, bytes, &mut self.lost);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.streams.next_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.streams.sweep(self.now, &mut self.lost);
        }
        self.now = end;
    }
}

const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn a_message_in_pieces_arrives_whole_and_is_answered_on_its_connection() {
    let mut world = world();
    let mut peer = world.connect();
    peer.write_all(&MESSAGE[..20]).unwrap();
    world.until(|w| w.streams.len() == 1);
    peer.write_all(&MESSAGE[20..]).unwrap();
    world.until(|w| !w.messages.is_empty());
    let (flow, bytes) = world.messages.remove(0);
    assert_eq!(bytes, MESSAGE);
    assert_eq!(flow.remote, peer.local_addr().unwrap());
    world.send(flow.remote, Some(flow.connection), b"answer");
    world.turn();
    let mut answer = [0; 6];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
}

/// R3261-108: open connections are used again.
#[test]
fn one_connection_for_all_messages_to_an_address() {
    let mut world = world();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    world.send(to, None, b"one");
    world.send(to, None, b"two");
    let (mut peer, _) = listener.accept().unwrap();
    world.until(|w| w.streams.connecting == 0);
    let mut both = [0; 6];
    peer.read_exact(&mut both).unwrap();
    assert_eq!(&both, b"onetwo");
    world.send(to, Some(999), b"end");
    world.turn();
    peer.read_exact(&mut both[..3]).unwrap();
    assert_eq!((world.streams.opened, world.streams.len()), (1, 1));
}

/// R3261-106: a lost connection is told at once, with its number.
#[test]
fn a_connection_that_the_peer_closes_is_told() {
    let mut world = world();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    world.send(to, None, b"one");
    let (peer, _) = listener.accept().unwrap();
    world.until(|w| w.streams.connecting == 0);
    drop(peer);
    world.until(|w| !w.lost.is_empty());
    assert_eq!(world.lost[0].hop.addr, to);
    assert_eq!(world.lost[0].connection, Some(1));
    assert_eq!(world.lost[0].why, Unreachable::Closed);
    assert_eq!(
        (world.streams.len(), world.streams.next_timeout().is_some()),
        (0, true)
    );
}

#[test]
fn a_refused_connection_is_told() {
    let mut world = world();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = nobody.local_addr().unwrap();
    drop(nobody);
    world.send(to, None, b"one");
    world.until(|w| !w.lost.is_empty());
    assert_eq!(world.lost[0].why, Unreachable::Refused);
    assert_eq!(world.lost[0].connection, None);
    assert_eq!(world.streams.connecting, 0);
}

#[test]
fn a_peer_that_has_said_all_still_gets_its_answer() {
    let mut world = world();
    let mut peer = world.connect();
    peer.write_all(MESSAGE).unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    world.until(|w| !w.messages.is_empty());
    let (flow, _) = world.messages.remove(0);
    world.send(flow.remote, Some(flow.connection), b"answer");
    let now = world.now;
    world.streams.flush(now, &mut world.lost);
    let mut answer = Vec::new();
    world.until(|w| w.streams.len() == 0);
    peer.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"answer");
}

/// R3261-107: an attempt to connect ends long before Timer F.
#[test]
fn a_connection_that_does_not_come_about_is_given_up() {
    let mut world = world();
    // A listener that does not accept and has no room for waiting connections.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let to = full.local_addr().unwrap().as_socket().unwrap();
    let _first = Peer::connect(to).unwrap();
    world.send(to, None, b"one");
    world.pass(Duration::from_millis(3900));
    assert!(world.lost.is_empty());
    world.pass(Duration::from_millis(400));
    assert_eq!(world.lost[0].why, Unreachable::ConnectTimeout);
    assert_eq!(world.streams.len(), 0);
}

/// SEC-10: a message that never ends is not waited for.
#[test]
fn an_incomplete_message_is_given_up_after_30_seconds() {
    let mut world = world();
    let mut slow = world.connect();
    slow.write_all(&MESSAGE[..20]).unwrap();
    world.until(|w| w.streams.len() == 1);
    let _idle = world.connect();
    world.until(|w| w.streams.len() == 2);
    world.pass(Duration::from_secs(29));
    assert_eq!(world.streams.len(), 2);
    world.pass(Duration::from_secs(3));
    assert_eq!(world.streams.len(), 1, "the idle one stays");
    assert_eq!(slow.read(&mut [0; 10]).unwrap(), 0);
}

/// SEC-10: one address cannot take all connections.
#[test]
fn connections_of_one_address_are_bounded() {
    let mut world = world();
    let mut peers = Vec::new();
    for count in 1..=PER_ADDRESS {
        peers.push(world.connect());
        world.until(|w| w.streams.len() == count);
    }
    let mut surplus = world.connect();
    world.until(|w| w.streams.refused == 1);
    assert_eq!(surplus.read(&mut [0; 10]).unwrap(), 0);
    peers.pop();
    world.until(|w| w.streams.len() == PER_ADDRESS - 1);
    let _again = world.connect();
    world.until(|w| w.streams.len() == PER_ADDRESS);
}

/// SEC-22: what a peer does not read does not grow without end.
#[test]
fn a_peer_that_does_not_read_loses_its_connection() {
    let mut world = world();
    let mut peer = world.connect();
    peer.write_all(MESSAGE).unwrap();
    world.until(|w| !w.messages.is_empty());
    let (flow, _) = world.messages.remove(0);
    static LARGE: [u8; 1 << 20] = [b'x'; 1 << 20];
    for _ in 0..64 {
        if world.lost.is_empty() {
            world.send(flow.remote, Some(flow.connection), &LARGE);
            world.turn();
        }
    }
    assert_eq!(world.lost[0].connection, Some(flow.connection));
    assert_eq!(world.streams.len(), 0);
}
