//! One socket against real peers.

use std::net::UdpSocket as Peer;
use std::time::Duration;

use mio::{Events, Poll, Token};

use super::*;

fn port() -> (Poll, UdpPort) {
    let poll = Poll::new().unwrap();
    let socket = crate::sip::udp_socket("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = UdpPort::new(socket, poll.registry(), Token(0)).unwrap();
    (poll, port)
}

fn peer() -> Peer {
    let peer = Peer::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    peer
}

/// Waits for an event and marks the port.
fn wait(poll: &mut Poll, port: &mut UdpPort) {
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
    assert!(!events.is_empty(), "nothing happens");
    for event in &events {
        port.on_event(event);
    }
}

#[test]
fn batches_arrive_in_order_with_their_senders() {
    let (mut poll, mut port) = port();
    let peer = peer();
    for number in 0..100_u8 {
        peer.send_to(&[number], port.local).unwrap();
    }
    let mut got = Vec::new();
    while got.len() < 100 {
        if !port.readable {
            wait(&mut poll, &mut port);
        }
        port.receive(|from, bytes| {
            assert_eq!(from, peer.local_addr().unwrap());
            got.push(bytes[0]);
        });
    }
    assert!(got.into_iter().eq(0..100));
    assert_eq!(port.received, 100);
}

#[test]
fn batches_leave_in_order_to_their_receivers() {
    let (_poll, mut port) = port();
    let peers = [peer(), peer()];
    for number in 0..100_u8 {
        let to = &peers[usize::from(number % 2)];
        port.push(to.local_addr().unwrap(), Bytes::copy_from_slice(&[number]));
    }
    port.flush(|_| panic!("all can be sent"));
    for number in 0..100_u8 {
        let mut buffer = [0; 10];
        let (count, from) = peers[usize::from(number % 2)].recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..count], from), (&[number][..], port.local));
    }
}

/// R3261-074: an ICMP error tells which peer is not there, and the socket goes on.
#[test]
fn a_refused_datagram_is_told_with_its_address() {
    let (mut poll, mut port) = port();
    let nobody = peer();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    port.push(gone, Bytes::from_static(b"x"));
    port.flush(|_| ());
    let mut told = Vec::new();
    while told.is_empty() {
        if port.troubled {
            port.receive_errors(|failed| told.push((failed.to, failed.why)));
        } else {
            wait(&mut poll, &mut port);
        }
    }
    assert_eq!(told, [(gone, Unreachable::Refused)]);
    let peer = peer();
    port.push(peer.local_addr().unwrap(), Bytes::from_static(b"y"));
    port.flush(|_| panic!("it is another peer"));
    assert_eq!(peer.recv(&mut [0; 10]).unwrap(), 1);
}

#[test]
fn a_datagram_that_cannot_be_sent_does_not_stop_the_others() {
    let (_poll, mut port) = port();
    let peer = peer();
    let to = peer.local_addr().unwrap();
    port.push(to, Bytes::from_static(b"1"));
    port.push(to, Bytes::from(vec![0; 65_530]));
    port.push(to, Bytes::from_static(b"2"));
    let mut told = Vec::new();
    port.flush(|failed| told.push(failed.why));
    assert_eq!(told, [Unreachable::TooLarge]);
    let mut buffer = [0; 10];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 1);
    assert_eq!(peer.recv(&mut buffer).unwrap(), 1);
    assert_eq!(&buffer[..1], b"2");
}

#[test]
fn rfc_3581_section_4_a_socket_bound_to_all_addresses_answers_from_the_one_asked() {
    for (all, asked, peer) in [
        ("0.0.0.0:0", "127.0.0.5", "127.0.0.1:0"),
        ("[::]:0", "::1", "[::1]:0"),
    ] {
        let mut poll = Poll::new().unwrap();
        let socket = crate::sip::udp_socket(all.parse().unwrap()).unwrap();
        let mut port = UdpPort::new(socket, poll.registry(), Token(0)).unwrap();
        let peer = Peer::bind(peer).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let asked = SocketAddr::new(asked.parse().unwrap(), port.local.port());
        // More than a batch, so that every slot is used again.
        for _ in 0..3 * BATCH {
            peer.send_to(b"?", asked).unwrap();
        }
        let mut got = Vec::new();
        while got.len() < 3 * BATCH {
            if !port.readable {
                wait(&mut poll, &mut port);
            }
            port.receive_at(|from, local, _| got.push((from, local)));
        }
        for (from, local) in got {
            assert_eq!(local, asked);
            port.push_from(Some(local.ip()), from, Bytes::from_static(b"!"));
        }
        port.flush(|_| panic!("not sent"));
        let mut bytes = [0; 1];
        assert_eq!(peer.recv_from(&mut bytes).unwrap(), (1, asked));
    }
}
