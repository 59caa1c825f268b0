//! A daemon that answers each line on a UNIX stream socket with the next answer it was given;
//! `null` stands for no answer at all.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use serde_json::Value;

pub(crate) struct Fake {
    path: PathBuf,
    thread: Option<JoinHandle<Vec<Value>>>,
}

impl Fake {
    /// Starts it.
    pub(crate) fn new(answers: Vec<Value>) -> Fake {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pua-cli-{}-{number}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("binds");
        let thread = std::thread::spawn(move || serve(&listener, answers));
        Fake {
            path,
            thread: Some(thread),
        }
    }

    /// For `--connect`.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// What it was asked.
    pub(crate) fn requests(mut self) -> Vec<Value> {
        // A connection without a request ends it.
        let _ = UnixStream::connect(&self.path);
        self.thread.take().expect("runs").join().expect("serves")
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn serve(listener: &UnixListener, answers: Vec<Value>) -> Vec<Value> {
    let mut requests = Vec::new();
    // Clients that get no answer keep their connection until they give up.
    let mut open = Vec::new();
    for answer in answers {
        let (mut stream, _) = listener.accept().expect("accepts");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("reads");
        if line.is_empty() {
            return requests;
        }
        requests.push(serde_json::from_str(&line).expect("JSON"));
        if !answer.is_null() {
            let _ = writeln!(stream, "{answer}");
        }
        open.push(stream);
    }
    let _ = listener.accept();
    requests
}
