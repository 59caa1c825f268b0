//! Webhooks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::{Carrying, Wanted, Webhook};
use super::{Bed, in_time, user};
use crate::config::Secret;
use crate::mi::test_dir::TestDir;

/// An HTTP server that answers as the test says.
struct Receiver {
    listener: TcpListener,
    connection: Option<BufReader<TcpStream>>,
}

struct Post {
    headers: HashMap<String, String>,
    body: String,
}

impl Post {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Receiver {
    async fn at(address: &str) -> Receiver {
        Receiver {
            listener: TcpListener::bind(address).await.unwrap(),
            connection: None,
        }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next request, on the same connection if there is one.
    async fn request(&mut self) -> Post {
        in_time(async {
            loop {
                let connection = match &mut self.connection {
                    Some(connection) => connection,
                    None => {
                        let (stream, _) = self.listener.accept().await.unwrap();
                        self.connection.insert(BufReader::new(stream))
                    }
                };
                match read(connection).await {
                    Some(post) => return post,
                    None => self.connection = None,
                }
            }
        })
        .await
    }

    async fn answer(&mut self, status: &str) {
        let connection = self.connection.as_mut().unwrap();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
        connection.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn read(connection: &mut BufReader<TcpStream>) -> Option<Post> {
    let mut headers = HashMap::new();
    let mut line = String::new();
    connection
        .read_line(&mut line)
        .await
        .ok()
        .filter(|read| *read > 0)?;
    assert!(line.starts_with("POST /in?a=b HTTP/1.1"), "{line}");
    loop {
        line.clear();
        connection.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    connection.read_exact(&mut body).await.unwrap();
    let body = String::from_utf8(body).unwrap();
    Some(Post { headers, body })
}

fn hook(receiver: &Receiver, batch: usize, dead_letters: Option<&Path>) -> Carrying {
    let hook = Webhook {
        url: format!("http://{}/in?a=b", receiver.address()).parse().unwrap(),
        secret: Some(Secret::new("topsecret")),
        wanted: Wanted::default(),
        batch,
        timeout: Duration::from_secs(5),
        attempts: 1000,
        retry_first: Duration::from_millis(10),
        retry_max: Duration::from_millis(20),
        dead_letters: dead_letters.map(Path::to_owned),
        dead_letters_max: 1 << 20,
    };
    Carrying {
        webhooks: vec![hook],
        sinks: Vec::new(),
    }
}

#[tokio::test]
async fn events_come_signed_and_in_order_and_what_fails_is_tried_again() {
    let dir = TestDir::new();
    let dead = dir.path().join("dead.jsonl");
    let mut receiver = Receiver::at("127.0.0.1:0").await;
    let mut bed = Bed::new(64, hook(&receiver, 1, Some(&dead)));
    bed.grant(0..4);

    let first = receiver.request().await;
    assert_eq!(user(&first.json()), 0);
    assert_eq!(first.headers["content-type"], "application/json");
    let (time, _) = first.headers["x-pua-signature"].split_once(',').unwrap();
    let time: i64 = time.strip_prefix("t=").unwrap().parse().unwrap();
    let expected = super::super::signature::sign(&Secret::new("topsecret"), time, first.body.as_bytes());
    assert_eq!(first.headers["x-pua-signature"], expected);
    assert!((jiff::Timestamp::now().as_second() - time).abs() < 60);
    receiver.answer("200 OK").await;

    for (attempt, status) in [
        ("1", "503 Busy"),
        ("2", "429 Slow\r\nRetry-After: 0"),
        ("3", "204 Done"),
    ] {
        let post = receiver.request().await;
        assert_eq!(
            (user(&post.json()), post.headers["x-pua-attempt"].as_str()),
            (1, attempt)
        );
        receiver.answer(status).await;
    }
    // Refused for good: the next one comes.
    assert_eq!(user(&receiver.request().await.json()), 2);
    receiver.answer("400 No").await;
    assert_eq!(user(&receiver.request().await.json()), 3);
    receiver.answer("200 OK").await;

    let line: Value = serde_json::from_str(&std::fs::read_to_string(&dead).unwrap()).unwrap();
    assert_eq!((user(&line["event"]), &line["why"]), (2, &json!("HTTP 400")));
    let address = receiver.address();
    assert_eq!(line["hook"], json!(format!("http://{address}")));
    drop(receiver);
    let counts = ["failed", "retried", "dead_lettered", "gaps"].map(|name| bed.count("webhooks", name));
    assert_eq!(counts, [3, 2, 1, 0]);
    bed.end().await;
}

#[tokio::test]
async fn the_delivery_has_the_same_name_in_each_attempt() {
    let mut receiver = Receiver::at("127.0.0.1:0").await;
    let mut bed = Bed::new(64, hook(&receiver, 1, None));
    bed.grant(0..2);
    let first = receiver.request().await;
    // The connection breaks before there is an answer.
    receiver.connection = None;
    let again = receiver.request().await;
    assert_eq!(first.headers["x-pua-delivery"], again.headers["x-pua-delivery"]);
    receiver.answer("200 OK").await;
    let other = receiver.request().await;
    assert_ne!(first.headers["x-pua-delivery"], other.headers["x-pua-delivery"]);
    drop(receiver);
    bed.end().await;
}

#[tokio::test]
async fn nothing_is_lost_and_the_order_kept_when_the_receiver_restarts() {
    let mut receiver = Receiver::at("127.0.0.1:0").await;
    let address = receiver.address().to_string();
    let mut bed = Bed::new(64, hook(&receiver, 7, None));
    let (mut pushed, mut seen) = (0, Vec::new());
    for restart in 0..5 {
        bed.grant(pushed..pushed + 9);
        pushed += 9;
        for _ in 0..=restart % 3 {
            let post = receiver.request().await;
            let Value::Array(events) = post.json() else {
                panic!("{}", post.body)
            };
            assert!(events.len() <= 7);
            receiver.answer("200 OK").await;
            seen.extend(events.iter().map(user));
            if seen.len() == pushed {
                break;
            }
        }
        drop(receiver);
        bed.grant(pushed..pushed + 2);
        pushed += 2;
        receiver = Receiver::at(&address).await;
    }
    while seen.len() < pushed {
        let post = receiver.request().await;
        receiver.answer("200 OK").await;
        seen.extend(post.json().as_array().unwrap().iter().map(user));
    }
    // What was answered just before the restart may come twice, and nothing else.
    seen.dedup();
    assert_eq!(seen, (0..pushed).collect::<Vec<_>>());
    drop(receiver);
    bed.end().await;
}

#[tokio::test]
async fn what_fell_out_of_the_ring_meanwhile_is_told() {
    let mut receiver = Receiver::at("127.0.0.1:0").await;
    let mut bed = Bed::new(3, hook(&receiver, 1, None));
    bed.grant(0..1);
    assert_eq!(user(&receiver.request().await.json()), 0);
    bed.grant(1..9);
    receiver.answer("200 OK").await;
    let gap = receiver.request().await.json();
    assert_eq!(
        (&gap["type"], &gap["from"], &gap["to"]),
        (&json!("gap"), &json!(2), &json!(6))
    );
    receiver.answer("200 OK").await;
    for expected in 6..9 {
        assert_eq!(user(&receiver.request().await.json()), expected);
        receiver.answer("200 OK").await;
    }
    assert_eq!(bed.count("webhooks", "gaps"), 1);
    drop(receiver);
    bed.end().await;
}

#[tokio::test]
async fn when_the_daemon_stops_nobody_waits_for_a_dead_receiver() {
    let dir = TestDir::new();
    let dead = dir.path().join("dead.jsonl");
    let receiver = Receiver::at("127.0.0.1:0").await;
    let mut bed = Bed::new(64, hook(&receiver, 1, Some(&dead)));
    drop(receiver);
    bed.grant(0..5);
    bed.end().await;
    let lines = std::fs::read_to_string(&dead).unwrap();
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let users: Vec<usize> = events.iter().map(|line| user(&line["event"])).collect();
    assert_eq!(users, [0, 1, 2, 3, 4]);
    assert_eq!(events[0]["key"], "events.webhooks.0");
}

#[tokio::test]
async fn a_new_configuration_ends_hooks_and_begins_others() {
    let mut first = Receiver::at("127.0.0.1:0").await;
    let mut second = Receiver::at("127.0.0.1:0").await;
    let mut bed = Bed::new(64, hook(&first, 1, None));
    bed.grant(0..1);
    first.request().await;
    first.answer("200 OK").await;
    let mut both = hook(&first, 1, None);
    both.webhooks.extend(hook(&second, 1, None).webhooks);
    bed.carriers.configure(&both);
    bed.grant(1..2);
    assert_eq!(user(&first.request().await.json()), 1);
    first.answer("200 OK").await;
    assert_eq!(user(&second.request().await.json()), 1);
    second.answer("200 OK").await;
    bed.carriers.configure(&Carrying::default());
    bed.tasks.close();
    in_time(bed.tasks.wait()).await;
}
