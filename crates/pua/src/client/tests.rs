//! Addresses, and calls against daemons that answer well, badly or not at all.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

use super::*;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);
const ANSWER: &[u8] = b"{\"jsonrpc\":\"2.0\",\"result\":[\"which\"],\"id\":1}";

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("pua-client-test-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn call(address: Address, timeout: Duration) -> Result<Value, Failure> {
    Client::new(Some(address)).call("which", &json!({}), timeout)
}

#[test]
fn addresses() {
    let show = |text: &str| text.parse::<Address>().map(|a| a.to_string());
    for (text, expected) in [
        ("unix:/run/x", "unix:/run/x"),
        ("/run/x", "unix:/run/x"),
        ("./x", "unix:./x"),
        ("http://127.0.0.1:8888", "http://127.0.0.1:8888/mi"),
        ("http://127.0.0.1:8888/", "http://127.0.0.1:8888/mi"),
        ("http://h:1/RPC", "http://h:1/RPC"),
        ("http://h", "http://h:80/mi"),
        ("http://[::1]:8888/mi", "http://[::1]:8888/mi"),
        ("http://[::1]", "http://[::1]:80/mi"),
        ("localhost:8888", "http://localhost:8888/mi"),
        ("udp:127.0.0.1:8809", "udp:127.0.0.1:8809"),
    ] {
        assert_eq!(show(text).as_deref(), Ok(expected), "{text}");
    }
    for text in ["", "unix:", "http://", "udp:h", "https://h", "nonsense"] {
        assert!(show(text).is_err(), "{text}");
    }
}

#[test]
fn over_a_stream_in_pieces() {
    let path = path("stream");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0];
        let mut request = Vec::new();
        while stream.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            request.push(byte[0]);
        }
        for piece in ANSWER.chunks(7) {
            stream.write_all(piece).unwrap();
        }
        stream.write_all(b"\n").unwrap();
        String::from_utf8(request).unwrap()
    });
    assert_eq!(call(Address::Unix(path.clone()), LONG).unwrap(), json!(["which"]));
    let request: Value = serde_json::from_str(&server.join().unwrap()).unwrap();
    assert_eq!(
        request,
        json!({"jsonrpc": "2.0", "id": 1, "method": "which", "params": {}})
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn over_datagrams() {
    let path = path("datagram");
    let socket = UnixDatagram::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (_, client) = socket.recv_from(&mut [0; 1024]).unwrap();
        socket.send_to(ANSWER, client.as_pathname().unwrap()).unwrap();
    });
    assert_eq!(call(Address::Unix(path.clone()), LONG).unwrap(), json!(["which"]));
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = Address::Udp(socket.local_addr().unwrap().to_string());
    let server = thread::spawn(move || {
        let (_, client) = socket.recv_from(&mut [0; 1024]).unwrap();
        socket.send_to(ANSWER, client).unwrap();
    });
    assert_eq!(call(address, LONG).unwrap(), json!(["which"]));
    server.join().unwrap();
}

fn http(answer: &'static [u8]) -> (Address, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut chunk = [0; 1024];
        while !request.ends_with(b"}") {
            let n = stream.read(&mut chunk).unwrap();
            request.extend_from_slice(&chunk[..n]);
        }
        stream.write_all(answer).unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, server)
}

#[test]
fn over_http() {
    let (address, server) =
        http(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":7,\"id\":1}");
    assert_eq!(call(address, LONG).unwrap(), json!(7));
    assert!(
        server
            .join()
            .unwrap()
            .starts_with("POST /mi HTTP/1.0\r\nHost: 127.0.0.1:")
    );
    let (address, server) = http(b"HTTP/1.1 404 Not Found\r\n\r\nnothing here");
    assert!(matches!(call(address, LONG), Err(Failure::Garbled(what)) if what.contains("404")));
    server.join().unwrap();
    let (address, server) = http(b"SSH-2.0-OpenSSH\r\n");
    assert!(matches!(call(address, LONG), Err(Failure::Garbled(_))));
    server.join().unwrap();
}

#[test]
fn errors_of_the_daemon() {
    let (address, server) = http(
        b"HTTP/1.1 200 OK\r\n\r\n{\"jsonrpc\":\"2.0\",\"error\":{\"code\":418,\"message\":\"Wrong ETag\",\"data\":1},\"id\":1}",
    );
    match call(address, LONG) {
        Err(Failure::Refused { code, message, data }) => {
            assert_eq!(
                (code, message.as_str(), data),
                (418, "Wrong ETag", Some(Box::new(json!(1))))
            );
        }
        other => panic!("{other:?}"),
    }
    server.join().unwrap();
    let (address, server) = http(b"HTTP/1.1 413 Payload Too Large\r\n\r\n");
    assert!(matches!(
        call(address, LONG),
        Err(Failure::Refused { code: 413, .. })
    ));
    server.join().unwrap();
}

#[test]
fn a_request_too_large_for_a_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = Client::new(Some(Address::Udp(socket.local_addr().unwrap().to_string())));
    let params = json!({"body": "x".repeat(70_000)});
    let called = client.call("pua_publish", &params, LONG);
    assert!(
        matches!(called, Err(Failure::Refused { code: 413, .. })),
        "{called:?}"
    );
}

/// What has come is no answer: it may be cut anywhere.
#[test]
fn an_answer_that_is_not_whole_in_time_is_none() {
    let path = path("slow");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&ANSWER[..20]).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(&ANSWER[..20]).unwrap();
    });
    assert!(matches!(
        call(Address::Unix(path.clone()), SHORT),
        Err(Failure::NoAnswer(_))
    ));
    assert!(matches!(
        call(Address::Unix(path.clone()), LONG),
        Err(Failure::Garbled(_))
    ));
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn nobody_there_and_nobody_answering() {
    match call(Address::Unix(path("nobody")), LONG) {
        Err(Failure::Unreachable(tried)) => assert_eq!(tried[0].1.kind(), io::ErrorKind::NotFound),
        other => panic!("{other:?}"),
    }
    let silent = path("silent");
    let _listener = UnixListener::bind(&silent).unwrap();
    assert!(matches!(
        call(Address::Unix(silent.clone()), SHORT),
        Err(Failure::NoAnswer(_))
    ));
    std::fs::remove_file(silent).unwrap();
    // A port that was just given back.
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(
        call(Address::Udp(free.to_string()), LONG),
        Err(Failure::Unreachable(_))
    ));
}
