//! Sinks.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;

use super::super::{Carrying, Sink, Wanted};
use super::{Bed, in_time, user};
use crate::events::{Epoch, Life};
use crate::mi::test_dir::TestDir;

fn sink(to: &str, wanted: Wanted) -> Carrying {
    let sink = Sink {
        to: to.parse().unwrap(),
        wanted,
        max_bytes: 1 << 20,
    };
    Carrying {
        webhooks: Vec::new(),
        sinks: vec![sink],
    }
}

fn events(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Until the file has so many lines.
async fn filled(path: &Path, lines: usize) {
    in_time(async {
        while events(path).len() < lines {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_is_appended_to_and_opened_anew_on_hangup() {
    let dir = TestDir::new();
    let path = dir.path().join("events.jsonl");
    let mut bed = Bed::new(64, sink(&format!("file:{}", path.display()), Wanted::default()));
    bed.grant(0..3);
    filled(&path, 3).await;
    let moved = dir.path().join("moved");
    std::fs::rename(&path, &moved).unwrap();
    bed.carriers.hangup();
    bed.grant(3..5);
    filled(&path, 2).await;
    assert_eq!(events(&moved).iter().map(user).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(events(&path).iter().map(user).collect::<Vec<_>>(), [3, 4]);
    // The last ones come before the daemon ends.
    bed.grant(5..6);
    bed.end().await;
    assert_eq!(events(&path).len(), 3);
}

#[tokio::test]
async fn a_file_begins_with_the_present_state_if_that_is_wanted_and_a_missing_directory_is_waited_for() {
    let dir = TestDir::new();
    let path = dir.path().join("later/events.jsonl");
    let wanted = Wanted {
        snapshot: true,
        ..Wanted::default()
    };
    let mut bed = Bed::new(64, sink(&format!("file:{}", path.display()), wanted));
    // Publications, then subscriptions.
    bed.feed.answer(0, &["sip:8@example.com"], None);
    in_time(async {
        while !bed.feed.answer_with(0, |_| (Vec::new(), None)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bed.grant(0..2);
    std::fs::create_dir(dir.path().join("later")).unwrap();
    filled(&path, 5).await;
    let kinds: Vec<Value> = events(&path).iter().map(|event| event["type"].clone()).collect();
    assert_eq!(
        kinds,
        [
            "snapshot_begin",
            "publication",
            "snapshot_end",
            "publication",
            "publication"
        ]
        .map(|kind| json!(kind))
    );
    bed.end().await;
}

#[tokio::test]
async fn a_fifo_that_nobody_reads_blocks_nothing_and_its_next_reader_misses_nothing() {
    let dir = TestDir::new();
    let path = dir.path().join("fifo");
    let mut bed = Bed::new(4096, sink(&format!("fifo:{}", path.display()), Wanted::default()));
    // Some hundred bytes each: many times what a FIFO holds.
    bed.grant(0..2000);
    in_time(async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let reader = || BufReader::with_capacity(1, pipe::OpenOptions::new().open_receiver(&path).unwrap());
    let mut seen = Vec::new();
    for last in [700, 1400, 2000] {
        let mut lines = reader();
        while seen.len() < last {
            let mut line = String::new();
            in_time(lines.read_line(&mut line)).await.unwrap();
            seen.push(user(&serde_json::from_str(&line).unwrap()));
        }
    }
    assert_eq!(seen, (0..2000).collect::<Vec<_>>());
    bed.end().await;
}

#[tokio::test]
async fn a_fifo_is_there_before_the_first_event_and_gone_at_the_end() {
    let dir = TestDir::new();
    let path = dir.path().join("fifo");
    let carrying = sink(&format!("fifo:{}", path.display()), Wanted::default());
    let bed = Bed::new(4, carrying.clone());
    in_time(async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bed.end().await;
    assert!(!path.exists());
    // Somebody else's stays.
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut bed = Bed::new(4, carrying);
    let mut reader = pipe::OpenOptions::new().open_receiver(&path).unwrap();
    bed.grant(0..1);
    let mut byte = [0];
    in_time(tokio::io::AsyncReadExt::read_exact(&mut reader, &mut byte))
        .await
        .unwrap();
    bed.end().await;
    assert!(path.exists());
}

/// What waited when the daemon ended is lost: nobody knows whether something did.
#[tokio::test]
async fn a_life_before_this_one_is_told_as_a_gap_once() {
    let dir = TestDir::new();
    let path = dir.path().join("events.jsonl");
    let life = Life {
        epoch: Epoch::stored(2),
        last: 65_536,
    };
    let carrying = sink(&format!("file:{}", path.display()), Wanted::default());
    let mut bed = Bed::in_life(64, carrying.clone(), life);
    bed.grant(0..1);
    filled(&path, 2).await;
    let told = events(&path);
    assert_eq!(
        (&told[0]["type"], &told[0]["reason"]),
        (&json!("gap"), &json!("restart"))
    );
    assert_eq!((&told[1]["seq"], user(&told[1])), (&json!(65_537), 0));
    // One that is new has missed nothing.
    let other = dir.path().join("other.jsonl");
    let mut both = carrying;
    both.sinks
        .extend(sink(&format!("file:{}", other.display()), Wanted::default()).sinks);
    bed.carriers.configure(&both);
    bed.grant(1..2);
    filled(&other, 1).await;
    assert_eq!(user(&events(&other)[0]), 1);
    bed.end().await;
}

#[tokio::test]
async fn a_fifo_is_made_anew_on_hangup_and_what_is_none_is_not_written_to() {
    let dir = TestDir::new();
    let path = dir.path().join("fifo");
    std::fs::write(&path, "mine").unwrap();
    let mut bed = Bed::new(64, sink(&format!("fifo:{}", path.display()), Wanted::default()));
    bed.grant(0..1);
    in_time(async {
        while bed.count("sinks", "failed") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut text = String::new();
    std::fs::File::open(&path)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "mine");
    std::fs::remove_file(&path).unwrap();
    in_time(async {
        while bed.count("sinks", "sent") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bed.end().await;
}

#[tokio::test]
async fn a_tcp_receiver_that_restarts_misses_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut bed = Bed::new(1024, sink(&format!("tcp:{address}"), Wanted::default()));
    bed.grant(0..30);
    let mut seen = Vec::new();
    let mut listener = Some(listener);
    for last in [10, 20, 30, 35] {
        let open = match listener.take() {
            Some(open) => open,
            None => TcpListener::bind(address).await.unwrap(),
        };
        let (stream, _) = in_time(open.accept()).await.unwrap();
        let mut lines = BufReader::new(stream);
        while seen.last().is_none_or(|seen| *seen + 1 < last) {
            let mut line = String::new();
            in_time(lines.read_line(&mut line)).await.unwrap();
            let number = user(&serde_json::from_str(&line).unwrap());
            // What comes again is known by its number.
            if !seen.contains(&number) {
                seen.push(number);
            }
        }
        if last == 30 {
            bed.grant(30..35);
        }
    }
    assert_eq!(seen, (0..35).collect::<Vec<_>>());
    bed.end().await;
}
