//! The daemon's start and end, and its manners on TCP.

mod common;

use std::io::Read;
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use common::{
    Daemon, PATIENCE, Server, configuration, directory, presence, read_message, receive, request, run_to_end,
    send, write,
};
use nix::sys::signal::Signal;
use serde_json::json;

#[test]
fn the_ready_file_tells_what_is_bound_and_is_gone_at_the_end() {
    let server = Server::start();
    let mut daemon = Daemon::start(server.address());
    let port = daemon.sip().port();
    assert_ne!(port, 0);
    assert_eq!(
        daemon.ready["sip"],
        json!([format!("udp:127.0.0.1:{port}"), format!("tcp:127.0.0.1:{port}")])
    );
    let at = |name: &str| format!("unix:{}", daemon.path(name).display());
    assert_eq!(daemon.ready["mi_datagram"][0], at("mi.sock"));
    assert_eq!(daemon.ready["mi_stream"], json!([at("stream.sock")]));
    assert_eq!(daemon.ready["server"], json!([]));
    assert!(
        daemon.ready["http"][0]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    for name in ["ready.json", "fifo", "mi.sock", "stream.sock"] {
        assert!(!daemon.path(name).exists(), "{name}");
    }
}

#[test]
fn kill_is_answered_and_stops() {
    let server = Server::start();
    let mut daemon = Daemon::start(server.address());
    assert_eq!(daemon.call("kill", json!([]))["result"], "OK");
    assert_eq!(daemon.wait(), Some(0));
}

/// R3903-71: what becomes of the publications when the publisher ends is its policy.
#[test]
fn a_graceful_stop_removes_the_publications() {
    let server = Server::start();
    let mut daemon = Daemon::start(server.address());
    let client = daemon.client();
    send(&client, &request("pua_publish", presence("alice", "<presence/>")));
    server.grant("tag1");
    receive(&client);
    daemon.signal(Signal::SIGTERM);
    let removal = server.grant("tag2");
    assert_eq!(removal.header("Expires"), Some("0"));
    assert_eq!(removal.header("SIP-If-Match"), Some("tag1"));
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn publications_are_kept_where_that_is_the_policy() {
    let server = Server::start();
    let mut daemon = Daemon::start_with(server.address(), "[publish]\non_stop = \"keep\"");
    let client = daemon.client();
    send(&client, &request("pua_publish", presence("alice", "<presence/>")));
    server.grant("tag1");
    receive(&client);
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.wait(), Some(0));
    server.udp.set_nonblocking(true).unwrap();
    assert!(server.udp.recv(&mut [0; 10]).is_err(), "nothing was sent");
}

/// R3903-71: a server that says nothing does not hold the end up.
#[test]
fn a_stop_does_not_wait_for_ever_and_tells_who_waits() {
    let server = Server::start();
    let mut daemon = Daemon::start(server.address());
    let client = daemon.client();
    send(&client, &request("pua_publish", presence("alice", "<presence/>")));
    // The server says nothing.
    server.receive();
    daemon.signal(Signal::SIGTERM);
    let answer = receive(&client);
    assert!(
        answer["error"].is_object() || answer["result"].is_object(),
        "{answer}"
    );
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Server::start();
    let mut daemon = Daemon::start(server.address());
    let client = daemon.client();
    send(&client, &request("pua_publish", presence("alice", "<presence/>")));
    server.receive();
    daemon.signal(Signal::SIGTERM);
    let start = std::time::Instant::now();
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.wait(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn an_address_in_use_is_told_with_what_to_do() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let directory = directory();
    let text = configuration(&directory, address, "").replace(
        "udp:127.0.0.1:0\"]\n[store]",
        &format!("udp:{address}\"]\n[store]"),
    );
    let output = run_to_end(&directory, &text);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains(&format!("cannot listen on udp:{address}")),
        "{told}"
    );
    assert!(told.contains("another program"), "{told}");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_file_in_the_fifos_place_is_a_fault_of_the_configuration() {
    let directory = directory();
    std::fs::write(directory.join("fifo"), "precious").unwrap();
    let text = configuration(&directory, "127.0.0.1:9".parse().unwrap(), "");
    let output = run_to_end(&directory, &text);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("not a FIFO"), "{told}");
    assert_eq!(std::fs::read(directory.join("fifo")).unwrap(), b"precious");
    std::fs::remove_dir_all(directory).unwrap();
}

/// The code that a daemon with this configuration ends with, and what it says.
fn refused(directory: &std::path::Path, text: &str) -> (Option<i32>, String) {
    let output = run_to_end(directory, text);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), told)
}

/// What keeps the daemon from making its FIFO or a socket stays until somebody changes something.
#[test]
fn whatever_is_in_the_way_of_a_name_is_a_fault_of_the_configuration() {
    let directory = directory();
    let text = configuration(&directory, "127.0.0.1:9".parse().unwrap(), "");
    let file = directory.join("file");
    std::fs::write(&file, "precious").unwrap();
    for name in ["fifo", "mi.sock", "stream.sock"] {
        let name = directory.join(name).display().to_string();
        for instead in [file.clone(), file.join("below")] {
            let (code, told) = refused(&directory, &text.replace(&name, &instead.display().to_string()));
            assert_eq!(code, Some(3), "{name}: {told}");
            assert!(told.contains("hint") && told.contains("file"), "{name}: {told}");
        }
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    std::fs::remove_dir_all(directory).unwrap();
}

/// Nobody shall find the FIFO of a daemon that is not there.
#[test]
fn a_start_that_fails_leaves_no_names_behind() {
    let directory = directory();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = configuration(&directory, "127.0.0.1:9".parse().unwrap(), "");
    let http = format!("[http]\nlisten = [\"{}\"]", taken.local_addr().unwrap());
    let no_port = text.replace("[http]\nlisten = [\"127.0.0.1:0\"]", &http);
    assert_ne!(text, no_port);
    let (code, told) = refused(&directory, &no_port);
    assert_eq!(code, Some(1), "{told}");
    let names = ["fifo", "mi.sock", "stream.sock"];
    assert!(names.iter().all(|name| !directory.join(name).exists()), "{told}");
    // The very last thing that can fail.
    std::fs::create_dir(directory.join("ready.json")).unwrap();
    let (code, told) = refused(&directory, &text);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("ready file"), "{told}");
    assert!(names.iter().all(|name| !directory.join(name).exists()), "{told}");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn names_that_were_removed_are_made_again() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let names = ["fifo", "mi.sock", "stream.sock"];
    for name in names {
        std::fs::remove_file(daemon.path(name)).unwrap();
    }
    daemon.signal(Signal::SIGHUP);
    let start = std::time::Instant::now();
    while !names.iter().all(|name| daemon.path(name).exists()) {
        assert!(start.elapsed() < PATIENCE, "they are not made again");
    }
    assert!(daemon.call("version", json!([]))["result"].is_object());
    let mut stream = std::os::unix::net::UnixStream::connect(daemon.path("stream.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    std::io::Write::write_all(&mut stream, b"{\"id\":1,\"method\":\"version\"}\n").unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"{");
}

fn options(more: &str) -> String {
    format!(
        "OPTIONS sip:pua@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKo1;rport\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:pua@127.0.0.1>\r\nCall-ID: o1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{more}\r\n"
    )
}

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.sip()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// R3261-100, R5626-01: what listens for UDP listens for TCP on the same port.
#[test]
fn requests_and_keep_alives_by_tcp() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let mut stream = connect(&daemon);
    write(&mut stream, "\r\n\r\n");
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
    write(&mut stream, &options("Content-Length: 0\r\n"));
    let answer = read_message(&mut stream);
    assert!(answer.text.starts_with("SIP/2.0 200 "), "{}", answer.text);
    assert!(answer.header("Allow").is_some());
}

/// R3261-019: a stream whose messages cannot be told apart is answered and closed.
#[test]
fn a_stream_out_of_step_is_told_400_and_closed() {
    let server = Server::start();
    let daemon = Daemon::start(server.address());
    let mut stream = connect(&daemon);
    write(&mut stream, &options("Content-Length: -1\r\n"));
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("SIP/2.0 400 "), "{text}");
    // Others are not concerned.
    let mut other = connect(&daemon);
    write(&mut other, &options("Content-Length: 0\r\n"));
    assert!(read_message(&mut other).text.starts_with("SIP/2.0 200 "));
}
