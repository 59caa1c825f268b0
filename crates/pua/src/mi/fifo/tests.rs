//! The listening FIFO against real files.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::Duration;

use mio::{Events, Poll};

use super::*;
use crate::mi::test_dir;

fn settings(path: PathBuf) -> config::Fifo {
    config::Fifo {
        reply_dir: path.parent().unwrap().to_owned(),
        path,
        mode: 0o620,
        user: None,
        group: None,
    }
}

struct World {
    poll: Poll,
    fifo: Fifo,
    path: PathBuf,
    _directory: test_dir::TestDir,
}

fn world() -> World {
    let directory = test_dir::TestDir::new();
    let path = directory.path().join("fifo");
    let poll = Poll::new().unwrap();
    let fifo = Fifo::open(settings(path.clone()), poll.registry(), Token(1), Instant::now()).unwrap();
    World {
        poll,
        fifo,
        path,
        _directory: directory,
    }
}

impl World {
    fn write(&self, bytes: &str) {
        let mut file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.write_all(bytes.as_bytes()).unwrap();
    }

    /// Polls and reads until `wanted` requests are there.
    fn receive(&mut self, wanted: usize) -> Vec<String> {
        let mut events = Events::with_capacity(8);
        let mut requests = Vec::new();
        while requests.len() < wanted {
            self.poll
                .poll(&mut events, Some(Duration::from_secs(10)))
                .unwrap();
            assert!(!events.is_empty(), "nothing came, {requests:?}");
            self.fifo.on_event();
            self.fifo.receive(Instant::now(), |request| {
                requests.push(String::from_utf8(request.bytes).unwrap())
            });
        }
        requests
    }
}

const WHICH: &str = r#":r:{"jsonrpc":"2.0","id":1,"method":"which"}"#;

#[test]
fn is_made_with_its_mode_and_removed_at_the_end() {
    let world = world();
    let metadata = std::fs::metadata(&world.path).unwrap();
    assert!(metadata.file_type().is_fifo());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o620);
    drop(world.fifo);
    assert!(!world.path.exists());
}

#[test]
fn requests_of_many_writers_one_after_another() {
    let mut world = world();
    for _ in 0..3 {
        world.write(WHICH);
        let requests = world.receive(1);
        assert!(requests[0].contains("which"), "{requests:?}");
    }
}

#[test]
fn a_probe_that_writes_nothing_disturbs_nothing() {
    let mut world = world();
    world.write("");
    world.write(WHICH);
    assert_eq!(world.receive(1).len(), 1);
}

#[test]
fn what_a_dead_writer_left_incomplete_does_not_spoil_the_next_request() {
    let mut world = world();
    world.write(":pua_publish:r\nsip:half");
    world.fifo.on_event();
    world.fifo.receive(Instant::now(), |cut| {
        let request = pua_mi::Request::parse(&cut.bytes, pua_mi::Via::Fifo);
        assert!(request.calls[0].command.is_err(), "{cut:?}");
    });
    assert!(!world.fifo.pending());
    world.write(WHICH);
    let requests = world.receive(1);
    assert!(requests[0].contains("which"), "{requests:?}");
}

/// `echo line >> fifo`, once for each line.
#[test]
fn lines_of_one_request_may_come_one_by_one() {
    let mut world = world();
    let now = Instant::now();
    for line in [":pua_publish:r\n", "sip:a@example.com\n", "60\n"] {
        world.write(line);
        world.fifo.on_event();
        world.fifo.receive(now, |request| panic!("{request:?}"));
    }
    world.write("\n");
    let requests = world.receive(1);
    assert!(requests[0].contains("sip:a@example.com\n60\n"), "{requests:?}");
}

/// Without its empty line a request is waited for a while, and then its writer is told.
#[test]
fn a_request_without_its_end_is_waited_for() {
    let mut world = world();
    let now = Instant::now();
    world.write(":which:r\n");
    world.fifo.on_event();
    world.fifo.receive(now, |request| panic!("{request:?}"));
    assert_eq!(world.fifo.next_timeout(), now + GRACE);
    let mut requests = Vec::new();
    world.fifo.receive(now + GRACE, |request| requests.push(request));
    assert_eq!(requests.len(), 1);
    let request = pua_mi::Request::parse(&requests[0].bytes, pua_mi::Via::Fifo);
    assert!(request.calls[0].command.is_err(), "told, not done");
    assert!(world.fifo.next_timeout() > now + GRACE);
}

#[test]
fn a_removed_fifo_is_made_again() {
    let mut world = world();
    std::fs::remove_file(&world.path).unwrap();
    let now = Instant::now();
    world.fifo.check(now, world.poll.registry(), false);
    assert!(!world.path.exists(), "only when it is due");
    world.fifo.check(now + CHECK, world.poll.registry(), false);
    assert!(world.path.exists());
    world.write(WHICH);
    assert_eq!(world.receive(1).len(), 1);
}

#[test]
fn another_file_is_left_alone() {
    let directory = test_dir::TestDir::new();
    let path = directory.path().join("file");
    std::fs::write(&path, "precious").unwrap();
    let poll = Poll::new().unwrap();
    let failed = Fifo::open(settings(path.clone()), poll.registry(), Token(1), Instant::now());
    assert!(matches!(failed, Err(FifoError::NotAFifo(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_fifo_that_another_daemon_reads_is_not_shared() {
    let world = world();
    let again = Fifo::open(
        settings(world.path.clone()),
        world.poll.registry(),
        Token(2),
        Instant::now(),
    );
    assert!(matches!(again, Err(FifoError::InUse(_))));
}
