//! Replies by FIFO against real files; the time is the test's own.

use std::io::Read;

use mio::{Events, Poll};
use nix::sys::stat::Mode;
use pua_mi::ReplyName;

use super::*;
use crate::mi::test_dir::TestDir;

struct World {
    directory: TestDir,
    poll: Poll,
    replies: ReplyFifos,
    now: Instant,
}

fn world() -> World {
    let directory = TestDir::new();
    let poll = Poll::new().unwrap();
    let registry = poll.registry().try_clone().unwrap();
    World {
        replies: ReplyFifos::new(directory.path().to_owned(), registry),
        directory,
        poll,
        now: Instant::now(),
    }
}

impl World {
    fn make(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        path
    }

    fn reader(&self, name: &str) -> File {
        OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(self.directory.path().join(name))
            .unwrap()
    }

    fn send(&mut self, name: &str, bytes: &[u8]) {
        let name = ReplyName::new(name).unwrap();
        self.replies.send(self.now, &name, bytes.to_vec());
    }

    /// Lets time pass until the next attempt, as often as it takes.
    fn pass(&mut self, for_: Duration) {
        let end = self.now + for_;
        while let Some(at) = self.replies.next_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.replies.turn(self.now);
        }
        self.now = end;
    }
}

fn read(file: &mut File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_waiting_reader_has_the_reply_and_the_end_at_once() {
    let mut world = world();
    world.make("r");
    let mut reader = world.reader("r");
    world.send("r", b"200 OK\n\n");
    assert_eq!(read(&mut reader), "200 OK\n\n");
    assert_eq!((world.replies.len(), world.replies.written), (0, 1));
}

#[test]
fn a_reader_that_comes_late_has_it_too() {
    let mut world = world();
    world.make("r");
    world.send("r", b"late");
    assert_eq!(world.replies.len(), 1);
    world.pass(Duration::from_millis(700));
    assert_eq!(world.replies.len(), 1, "still tried");
    let mut reader = world.reader("r");
    world.pass(Duration::from_millis(60));
    assert_eq!(read(&mut reader), "late");
    assert_eq!(world.replies.len(), 0);
}

#[test]
fn the_fifo_itself_may_come_late() {
    let mut world = world();
    world.send("r", b"late");
    world.make("r");
    let mut reader = world.reader("r");
    world.pass(Duration::from_millis(60));
    assert_eq!(read(&mut reader), "late");
}

#[test]
fn the_first_retries_come_soon() {
    let mut world = world();
    world.make("r");
    world.send("r", b"x");
    let start = world.now;
    let due = |world: &World| world.replies.next_timeout().unwrap() - start;
    assert_eq!(due(&world), Duration::from_millis(1));
    world.pass(Duration::from_millis(1));
    assert_eq!(due(&world), Duration::from_millis(3));
    world.pass(Duration::from_millis(2));
    assert_eq!(due(&world), Duration::from_millis(7));
}

#[test]
fn nobody_for_about_a_second_and_it_is_dropped() {
    let mut world = world();
    world.make("dead");
    world.send("dead", b"x");
    world.make("alive");
    let mut reader = world.reader("alive");
    world.send("alive", b"y");
    assert_eq!(read(&mut reader), "y", "the dead one holds nobody up");
    world.pass(Duration::from_millis(1300));
    assert_eq!((world.replies.len(), world.replies.dropped), (0, 1));
    assert_eq!(world.replies.next_timeout(), None);
}

#[test]
fn a_large_reply_goes_on_when_there_is_room() {
    let mut world = world();
    world.make("r");
    let mut reader = world.reader("r");
    let large = vec![b'x'; 300_000];
    world.send("r", &large);
    let mut got = Vec::new();
    let mut buffer = vec![0; 65536];
    let mut events = Events::with_capacity(8);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => got.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                world
                    .poll
                    .poll(&mut events, Some(Duration::from_secs(10)))
                    .unwrap();
                for event in &events {
                    world.replies.on_event(world.now, event.token().0 - TOKEN_REPLY);
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(got, large);
    assert_eq!(world.replies.len(), 0);
}

#[test]
fn a_reader_that_stops_reading_is_given_up() {
    let mut world = world();
    world.make("r");
    let _reader = world.reader("r");
    world.send("r", &vec![b'x'; 300_000]);
    assert_eq!(world.replies.len(), 1);
    world.pass(READING + Duration::from_millis(1));
    assert_eq!((world.replies.len(), world.replies.dropped), (0, 1));
}

#[test]
fn files_links_and_linked_fifos_are_not_written_to() {
    let mut world = world();
    let file = world.directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    world.send("file", b"x");
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");

    let target = world.make("target");
    let mut reader = world.reader("target");
    std::os::unix::fs::symlink(&target, world.directory.path().join("link")).unwrap();
    world.send("link", b"x");
    assert_eq!(read(&mut reader), "");

    std::fs::hard_link(&target, world.directory.path().join("second")).unwrap();
    world.send("second", b"x");
    assert_eq!(read(&mut reader), "");
    assert_eq!((world.replies.len(), world.replies.dropped), (0, 3));
}

#[test]
fn too_many_waiting_and_the_oldest_is_dropped() {
    let mut world = world();
    for number in 0..=WAITING {
        world.send(&format!("r{number}"), b"x");
    }
    assert_eq!((world.replies.len(), world.replies.dropped), (WAITING, 1));
    world.make("r1");
    let mut reader = world.reader("r1");
    world.pass(Duration::from_millis(60));
    assert_eq!(read(&mut reader), "x");
}
