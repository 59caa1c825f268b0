//! The demo as a person sees it, with the real daemon inside.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Ends the demo when a test fails in the middle.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn demo(arguments: &[&str]) -> Demo {
    let child = Command::new(env!("CARGO_BIN_EXE_pua"))
        .arg("demo")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    Demo(child)
}

#[test]
fn it_ends_by_itself_after_so_many_notifications() {
    let mut demo = demo(&["--interval", "0.2", "--count", "3"]);
    let lines: Vec<String> = BufReader::new(demo.0.stdout.take().expect("piped"))
        .lines()
        .map_while(Result::ok)
        .collect();
    assert_eq!(demo.0.wait().expect("ends").code(), Some(0), "{lines:?}");
    let told = |line: &&String| {
        line.contains("system@example.com is open, away: CPU ") && line.contains(" MB, load ")
    };
    assert!(lines.iter().any(|line| told(&line)), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains('\x1b')), "{lines:?}");
    let directory = lines
        .iter()
        .find_map(|line| line.strip_prefix("mkfifo ")?.split("/reply").next())
        .expect("the line for the FIFO");
    assert!(!std::path::Path::new(directory).exists(), "{directory} is left");
}

#[test]
fn each_line_to_paste_works_and_the_watcher_sees_it() {
    let mut demo = demo(&["--interval", "600"]);
    let mut lines = BufReader::new(demo.0.stdout.take().expect("piped")).lines();
    let mut next = |wanted: &str| {
        lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains(wanted))
            .unwrap_or_else(|| panic!("`{wanted}` never came"))
    };
    let fifo = next("mkfifo ");
    let command = next(" publish sip:alice");
    let watch = next(" watch sip:alice");
    next("alice@example.com is unknown: nothing is published");
    let mut watching = Command::new("sh")
        .args(["-c", &format!("exec {watch}")])
        .stdout(Stdio::piped())
        .spawn()
        .map(Demo)
        .expect("runs");
    let mut watched = BufReader::new(watching.0.stdout.take().expect("piped")).lines();
    for (line, seen) in [
        (fifo, "alice@example.com is open: \"hello through the FIFO\""),
        (
            command,
            "alice@example.com is open, meeting: \"hello from the command line\"",
        ),
    ] {
        let pasted = Command::new("sh").args(["-c", &line]).output().expect("runs");
        assert!(pasted.status.success(), "{line}: {pasted:?}");
        assert!(
            String::from_utf8_lossy(&pasted.stdout).contains("200 OK"),
            "{pasted:?}"
        );
        next(seen);
        let also = watched
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.ends_with(seen));
        assert!(also, "{seen}");
    }
    let pid = i32::try_from(demo.0.id()).expect("a process id");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)
        .expect("is there");
    assert_eq!(demo.0.wait().expect("ends").code(), Some(0));
}
