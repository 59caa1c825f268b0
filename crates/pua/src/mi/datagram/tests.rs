//! The datagram sockets against real clients.

use std::os::unix::net::UnixDatagram as Client;
use std::time::Duration;

use mio::{Events, Poll};

use super::*;
use crate::mi::test_dir::TestDir;

struct World {
    poll: Poll,
    datagrams: Datagrams,
    directory: TestDir,
}

fn settings(listen: Vec<DatagramListen>) -> config::Datagram {
    config::Datagram {
        listen,
        mode: 0o660,
        socket_timeout: Duration::from_millis(500),
    }
}

fn world() -> World {
    let directory = TestDir::new();
    let poll = Poll::new().unwrap();
    let listen = vec![
        DatagramListen::Unix(directory.path().join("mi.sock")),
        DatagramListen::Udp("127.0.0.1:0".parse().unwrap()),
    ];
    World {
        datagrams: Datagrams::open(Instant::now(), &settings(listen), poll.registry()).unwrap(),
        poll,
        directory,
    }
}

impl World {
    fn client(&self, name: &str) -> Client {
        let client = Client::bind(self.directory.path().join(name)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("mi.sock")
    }

    /// Polls until a request is there.
    fn receive(&mut self) -> (Origin, Vec<u8>) {
        let mut events = Events::with_capacity(8);
        let mut got = None;
        while got.is_none() {
            self.datagrams
                .receive(|origin, bytes| got = Some((origin, bytes.to_vec())));
            if got.is_none() {
                self.poll
                    .poll(&mut events, Some(Duration::from_secs(10)))
                    .unwrap();
                assert!(!events.is_empty(), "nothing came");
                for event in &events {
                    self.datagrams.on_event(event.token().0 - TOKEN_DATAGRAM, event);
                }
            }
        }
        got.unwrap()
    }
}

fn text(client: &Client) -> String {
    let mut buffer = [0; 1000];
    let count = client.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..count].to_vec()).unwrap()
}

#[test]
fn a_unix_client_is_answered_by_the_socket_it_wrote_to() {
    let mut world = world();
    let client = world.client("c");
    // A connected client takes datagrams of that socket only.
    client.connect(world.socket()).unwrap();
    client.send(b"ask").unwrap();
    let (origin, bytes) = world.receive();
    assert_eq!(bytes, b"ask");
    world.datagrams.send(origin, b"told".to_vec());
    world.datagrams.flush(Instant::now());
    assert_eq!(text(&client), "told");
}

#[test]
fn a_udp_client_is_answered() {
    let mut world = world();
    let DatagramListen::Udp(address) = world.datagrams.addresses()[1] else {
        panic!("no UDP")
    };
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.connect(address).unwrap();
    client.send(b"ask").unwrap();
    let (origin, _) = world.receive();
    world.datagrams.send(origin, b"told".to_vec());
    world.datagrams.flush(Instant::now());
    let mut buffer = [0; 10];
    assert_eq!(client.recv(&mut buffer).unwrap(), 4);
}

#[test]
fn a_client_without_a_name_is_heard_and_not_answered() {
    let mut world = world();
    let client = Client::unbound().unwrap();
    client.send_to(b"ask", world.socket()).unwrap();
    let (origin, bytes) = world.receive();
    assert_eq!(bytes, b"ask");
    assert!(matches!(origin, Origin::Unix(0, None)), "{origin:?}");
    world.datagrams.send(origin, b"told".to_vec());
    world.datagrams.flush(Instant::now());
    assert_eq!((world.datagrams.sent, world.datagrams.dropped), (0, 0));
}

#[test]
fn a_full_client_gets_all_its_answers_later_and_in_order() {
    let mut world = world();
    let client = world.client("c");
    client.send_to(b"ask", world.socket()).unwrap();
    let (origin, _) = world.receive();
    let mut now = Instant::now();
    let count = 2000;
    for number in 0..count {
        world.datagrams.send(origin, number.to_string().into_bytes());
    }
    world.datagrams.flush(now);
    assert!(world.datagrams.waiting() > 0, "the queue of a socket is short");
    for number in 0..count {
        if world.datagrams.waiting() > 0 {
            now = world.datagrams.next_timeout().unwrap_or(now);
            world.datagrams.flush(now);
        }
        if number < count - world.datagrams.dropped as usize {
            assert_eq!(text(&client), number.to_string());
        }
    }
    assert_eq!(world.datagrams.waiting(), 0);
}

/// A client that does not read, or is gone, holds up none of those that are answered with it.
#[test]
fn one_batch_reaches_everyone_who_can_be_reached() {
    let mut world = world();
    let clients: Vec<Client> = (0..4).map(|n| world.client(&format!("c{n}"))).collect();
    let mut origins = Vec::new();
    for client in &clients {
        client.send_to(b"ask", world.socket()).unwrap();
        origins.push(world.receive().0);
    }
    std::fs::remove_file(world.directory.path().join("c1")).unwrap();
    for number in 0..100 {
        // The first one gets more than its queue holds.
        world.datagrams.send(origins[0], number.to_string().into_bytes());
    }
    for origin in &origins[1..] {
        world.datagrams.send(*origin, b"told".to_vec());
    }
    let now = Instant::now();
    world.datagrams.flush(now);
    assert!(world.datagrams.waiting() > 0);
    assert_eq!(world.datagrams.dropped, 1);
    assert_eq!(
        (text(&clients[2]), text(&clients[3])),
        ("told".into(), "told".into())
    );
    let mut now = now;
    for number in 0..100 {
        assert_eq!(text(&clients[0]), number.to_string());
        now = world.datagrams.next_timeout().unwrap_or(now);
        world.datagrams.flush(now);
    }
    assert_eq!(world.datagrams.waiting(), 0);
}

#[test]
fn a_client_that_is_gone_costs_nothing() {
    let mut world = world();
    let client = world.client("c");
    client.send_to(b"ask", world.socket()).unwrap();
    let (origin, _) = world.receive();
    drop(client);
    std::fs::remove_file(world.directory.path().join("c")).unwrap();
    world.datagrams.send(origin, b"told".to_vec());
    world.datagrams.flush(Instant::now());
    assert_eq!((world.datagrams.waiting(), world.datagrams.dropped), (0, 1));
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let directory = TestDir::new();
    let path = directory.path().join("mi.sock");
    let stale = Client::bind(&path).unwrap();
    drop(stale);
    let poll = Poll::new().unwrap();
    let listen = vec![DatagramListen::Unix(path.clone())];
    let first = Datagrams::open(Instant::now(), &settings(listen.clone()), poll.registry()).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let second = Datagrams::open(Instant::now(), &settings(listen.clone()), poll.registry());
    assert!(matches!(second, Err(DatagramError::InUse(_))));
    drop(first);
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    let third = Datagrams::open(Instant::now(), &settings(listen), poll.registry());
    assert!(matches!(third, Err(DatagramError::NotASocket(_))));
}

#[test]
fn a_socket_whose_name_was_removed_is_made_again() {
    let mut world = world();
    std::fs::remove_file(world.socket()).unwrap();
    let now = Instant::now();
    world.datagrams.check(now, world.poll.registry(), false);
    assert!(!world.socket().exists(), "only when it is due");
    world.datagrams.check(now + CHECK, world.poll.registry(), false);
    let client = world.client("client");
    client.connect(world.socket()).unwrap();
    client.send(b":which:").unwrap();
    let (origin, request) = world.receive();
    assert_eq!(request, b":which:");
    world.datagrams.send(origin, b"200 OK".to_vec());
    world.datagrams.flush(Instant::now());
    let mut answer = [0; 16];
    assert_eq!(client.recv(&mut answer).unwrap(), 6);
}

#[test]
fn what_was_made_is_removed_when_the_rest_cannot_be() {
    let directory = TestDir::new();
    let path = directory.path().join("mi.sock");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = vec![
        DatagramListen::Unix(path.clone()),
        DatagramListen::Udp(taken.local_addr().unwrap()),
    ];
    let poll = Poll::new().unwrap();
    assert!(Datagrams::open(Instant::now(), &settings(listen), poll.registry()).is_err());
    assert!(!path.exists());
}
