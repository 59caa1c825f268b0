//! The real binary, and a presence server that the test plays itself.
#![allow(dead_code, reason = "not every test uses all of it")]

pub(crate) mod notifier;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// How long anything may take before a test gives it up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon of its own directory.
pub(crate) struct Daemon {
    directory: PathBuf,
    child: Option<Child>,
    /// The ready file's content.
    pub(crate) ready: Value,
    clients: AtomicU32,
}

/// A directory for one test.
pub(crate) fn directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("pua-serve-{}-{number}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}

/// A configuration with every part on ports of the system's choice, publishing to `server`.
pub(crate) fn configuration(directory: &Path, server: SocketAddr, more: &str) -> String {
    let at = directory.display();
    format!(
        r#"presence_server = "sip:{server}"
[sip]
listen = ["udp:127.0.0.1:0"]
[store]
url = "memory:"
[mi.fifo]
path = "{at}/fifo"
reply_dir = "{at}"
[mi.datagram]
listen = ["unix:{at}/mi.sock", "udp:127.0.0.1:0"]
[mi.stream]
listen = ["unix:{at}/stream.sock"]
[http]
listen = ["127.0.0.1:0"]
{more}
"#
    )
}

fn command(directory: &Path, configuration: &str) -> Command {
    let file = directory.join("pua.toml");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pua"));
    command
        .arg("serve")
        .arg("--config")
        .arg(file)
        .arg("--ready-file")
        .arg(directory.join("ready.json"));
    command
}

/// The same for a daemon that may make no file larger than so many KiB.
fn limited(directory: &Path, configuration: &str, kib: u32) -> Command {
    let plain = command(directory, configuration);
    let mut limited = Command::new("bash");
    limited
        .arg("-c")
        .arg(format!("ulimit -S -f {kib}; exec \"$0\" \"$@\""))
        .arg(plain.get_program())
        .args(plain.get_args());
    limited
}

/// Runs such a daemon, which is expected to end by itself.
pub(crate) fn run_limited_to_end(directory: &Path, configuration: &str, kib: u32) -> Output {
    limited(directory, configuration, kib).output().unwrap()
}

/// Runs a daemon that is expected to end by itself.
pub(crate) fn run_to_end(directory: &Path, configuration: &str) -> Output {
    command(directory, configuration).output().unwrap()
}

impl Daemon {
    /// Starts a daemon that publishes to `server` and waits until it serves.
    pub(crate) fn start(server: SocketAddr) -> Daemon {
        Daemon::start_with(server, "")
    }

    /// As [`Daemon::start`], with more configuration.
    pub(crate) fn start_with(server: SocketAddr, more: &str) -> Daemon {
        let directory = directory();
        let text = configuration(&directory, server, more);
        Daemon::start_in(directory, &text)
    }

    /// Starts a daemon with this configuration.
    pub(crate) fn start_in(directory: PathBuf, configuration: &str) -> Daemon {
        let (child, ready) = Daemon::spawn(&directory, configuration);
        Daemon {
            ready,
            directory,
            child: Some(child),
            clients: AtomicU32::new(0),
        }
    }

    /// Starts a daemon that may make no file larger than so many KiB, which [`Daemon::unlimit`]
    /// takes back.
    pub(crate) fn start_limited(directory: PathBuf, configuration: &str, kib: u32) -> Daemon {
        let limited = limited(&directory, configuration, kib);
        let (child, ready) = Daemon::wait_for(limited, &directory);
        Daemon {
            ready,
            directory,
            child: Some(child),
            clients: AtomicU32::new(0),
        }
    }

    /// Lets files grow again.
    pub(crate) fn unlimit(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let done = Command::new("prlimit")
            .args(["--fsize=unlimited:unlimited", "--pid", &id])
            .status();
        assert!(done.unwrap().success());
    }

    /// Starts it once more, as it was, after it has ended.
    pub(crate) fn again(&mut self) {
        let configuration = fs::read_to_string(self.path("pua.toml")).unwrap();
        let (child, ready) = Daemon::spawn(&self.directory, &configuration);
        self.child = Some(child);
        self.ready = ready;
    }

    /// Starts a daemon and waits until it serves.
    fn spawn(directory: &Path, configuration: &str) -> (Child, Value) {
        Daemon::wait_for(command(directory, configuration), directory)
    }

    fn wait_for(mut command: Command, directory: &Path) -> (Child, Value) {
        let path = directory.join("ready.json");
        // A daemon that was killed has left it.
        let _ = fs::remove_file(&path);
        let watch = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        watch.add_watch(directory, AddWatchFlags::IN_MOVED_TO).unwrap();
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while !path.exists() {
            assert!(start.elapsed() < PATIENCE, "the daemon does not get ready");
            assert!(child.try_wait().unwrap().is_none(), "the daemon has ended");
            let mut fds = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(100_u8)).unwrap();
            let _ = watch.read_events();
        }
        let ready = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        (child, ready)
    }

    /// A file in the daemon's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The address that SIP is spoken on, which UDP and TCP share.
    pub(crate) fn sip(&self) -> SocketAddr {
        let first = self.ready["sip"][0].as_str().unwrap();
        first.split_once(':').unwrap().1.parse().unwrap()
    }

    /// A client of the UNIX datagram socket.
    pub(crate) fn client(&self) -> UnixDatagram {
        let number = self.clients.fetch_add(1, Ordering::Relaxed);
        let client = UnixDatagram::bind(self.path(&format!("client{number}"))).unwrap();
        client.connect(self.path("mi.sock")).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// Makes one call by UNIX datagram and waits for its answer.
    pub(crate) fn call(&self, method: &str, params: Value) -> Value {
        let client = self.client();
        send(&client, &request(method, params));
        receive(&client)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(id.cast_signed()), signal).unwrap();
    }

    /// Waits for the daemon's end; its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A JSON-RPC request.
pub(crate) fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// The parameters of a publish call.
pub(crate) fn presence(user: &str, body: &str) -> Value {
    json!({
        "presentity_uri": format!("sip:{user}@example.com"),
        "expires": "600",
        "event_package": "presence",
        "content_type": "application/pidf+xml",
        "body": body,
    })
}

pub(crate) fn send(client: &UnixDatagram, request: &Value) {
    client.send(request.to_string().as_bytes()).unwrap();
}

pub(crate) fn receive(client: &UnixDatagram) -> Value {
    let mut buffer = vec![0; 100_000];
    let count = client.recv(&mut buffer).expect("an answer");
    serde_json::from_slice(&buffer[..count]).unwrap()
}

/// A request as the test's presence server has received it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) text: String,
    from: Option<SocketAddr>,
}

impl Request {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// What comes after the head.
    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    /// A response with these further header lines.
    pub(crate) fn response(&self, status: &str, more: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let value = self.header(name).unwrap();
            let tag = if name == "To" { ";tag=server" } else { "" };
            text += &format!("{name}: {value}{tag}\r\n");
        }
        text + more + "Content-Length: 0\r\n\r\n"
    }
}

/// A presence server that does what the test says.
pub(crate) struct Server {
    pub(crate) udp: UdpSocket,
    pub(crate) tcp: TcpListener,
}

impl Server {
    pub(crate) fn start() -> Server {
        for _ in 0..100 {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                udp.set_read_timeout(Some(PATIENCE)).unwrap();
                return Server { udp, tcp };
            }
        }
        panic!("no port is free for UDP and TCP");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.udp.local_addr().unwrap()
    }

    /// The next request by UDP.
    pub(crate) fn receive(&self) -> Request {
        let mut buffer = vec![0; 65_536];
        let (count, from) = self.udp.recv_from(&mut buffer).expect("a request");
        Request {
            text: String::from_utf8(buffer[..count].to_vec()).unwrap(),
            from: Some(from),
        }
    }

    /// Answers a request that came by UDP.
    pub(crate) fn respond(&self, request: &Request, status: &str, more: &str) {
        let text = request.response(status, more);
        self.udp.send_to(text.as_bytes(), request.from.unwrap()).unwrap();
    }

    /// Takes the next request and grants it.
    pub(crate) fn grant(&self, etag: &str) -> Request {
        let request = self.receive();
        let expires = request.header("Expires").unwrap_or("600").to_owned();
        self.respond(
            &request,
            "200 OK",
            &format!("SIP-ETag: {etag}\r\nExpires: {expires}\r\n"),
        );
        request
    }
}

/// The next message of a stream.
pub(crate) fn read_message(stream: &mut TcpStream) -> Request {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Request { text, from: None };
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the peer has closed after {text:?}");
        bytes.extend_from_slice(&buffer[..count]);
    }
}

/// Writes a whole text.
pub(crate) fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
}
