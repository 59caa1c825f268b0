//! Kamailio's publisher (`pua` and `pua_rpc`, as Debian packages them) as a program under test.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::directory::Directory;
use crate::publisher::{Doors, Publisher, System, until};

const TEMPLATE: &str = include_str!("kamailio.cfg.in");
const SCHEMAS: &str = "/usr/share/kamailio/db_sqlite";

/// The program, if it is there with all that is needed.
pub(crate) fn program() -> Option<PathBuf> {
    let found = ["/usr/sbin/kamailio", "/usr/bin/kamailio"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())?;
    let whole = modules().is_some() && Path::new(SCHEMAS).join("presence-create.sql").exists();
    whole.then_some(found)
}

/// Its version, as it says.
pub(crate) fn version() -> Option<String> {
    let output = Command::new(program()?).arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next()?;
    Some(line.trim_start_matches("version: ").trim().to_owned())
}

/// Where the modules are: a directory named after the architecture.
fn modules() -> Option<PathBuf> {
    let below = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    below
        .map(|path| path.join("kamailio/modules"))
        .find(|path| path.join("pua_rpc.so").exists() && path.join("db_sqlite.so").exists())
}

/// Attempts to start it: whoever opens a connection meanwhile may be given the port that was chosen.
const ATTEMPTS: usize = 5;

/// Starts it, and waits until it serves. It publishes at `sink`, and looks for what is to be
/// refreshed every `update_period` seconds.
///
/// # Errors
/// It is not installed, or does not start.
pub(crate) fn start(disk: &Path, sink: SocketAddr, update_period: u32) -> anyhow::Result<Publisher> {
    let mut attempt = 1;
    loop {
        match start_at(free_port()?, disk, sink, update_period) {
            Err(error) if attempt < ATTEMPTS && format!("{error:#}").contains("Address already in use") => {
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// A port that nobody has, for UDP and for TCP.
fn free_port() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        let port = udp.local_addr()?.port();
        // A connection that somebody has opened from it counts too.
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free for UDP and TCP")
}

fn start_at(port: u16, disk: &Path, sink: SocketAddr, update_period: u32) -> anyhow::Result<Publisher> {
    let program = program().context("Kamailio is not installed")?;
    let modules = modules().context("Kamailio's modules are not installed")?;
    let (directory, disk) = (Directory::fresh()?, Directory::below(disk)?);
    database(&disk.path("pua.db"))?;
    let text = TEMPLATE
        .replace("@PORT@", &port.to_string())
        .replace("@MODULES@", &modules.display().to_string())
        .replace("@RUN@", &directory.root().display().to_string())
        .replace("@DB@", &disk.path("pua.db").display().to_string())
        .replace("@PERIOD@", &update_period.to_string())
        .replace("@PROXY@", &sink.to_string());
    let config = directory.path("kamailio.cfg");
    fs::write(&config, text)?;
    let log = fs::File::create(directory.path("kamailio.log"))?;
    let mut child = Command::new(program)
        // Shared memory for all, and what each of its processes has for itself, in MiB.
        .args(["-DD", "-E", "-m", "1024", "-M", "32", "-f"])
        .arg(&config)
        .arg("-Y")
        .arg(directory.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    let http: SocketAddr = format!("127.0.0.1:{port}").parse()?;
    let serves = until("Kamailio serves", Duration::from_secs(20), || {
        if let Some(status) = child.try_wait()? {
            bail!("it has ended: {status}");
        }
        let fifo = fs::metadata(directory.path("rpc.fifo")).is_ok_and(|meta| meta.file_type().is_fifo());
        Ok(fifo && directory.path("rpc.sock").exists() && answers(http))
    });
    if let Err(error) = serves {
        let _ = child.kill();
        let _ = child.wait();
        let log = fs::read_to_string(directory.path("kamailio.log")).unwrap_or_default();
        let end: Vec<&str> = log.lines().rev().take(10).collect();
        return Err(error.context(format!("its last words, the newest first: {end:#?}")));
    }
    Ok(Publisher {
        child,
        doors: Doors {
            unix: directory.path("rpc.sock"),
            udp: None,
            fifo: directory.path("rpc.fifo"),
            replies: directory.root().to_owned(),
            http,
            reply_in_call: true,
        },
        system: System::Kamailio,
        directory,
        disk: Some(disk),
    })
}

/// Whether a call over HTTP is answered. Its sockets are there long before those who read them.
fn answers(http: SocketAddr) -> bool {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"core.uptime"}"#;
    let request = format!(
        "POST /RPC HTTP/1.1\r\nHost: {http}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{call}",
        call.len()
    );
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(http)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 4096];
        let count = stream.read(&mut answer)?;
        Ok(answer
            .get(..count)
            .unwrap_or_default()
            .starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// A fresh database from the packages' schema files. `pua_rpc` without an id stores NULL into a
/// column that they declare NOT NULL; without a change nothing would be stored at all.
fn database(path: &Path) -> anyhow::Result<()> {
    let mut sql = String::new();
    for name in ["standard", "presence"] {
        sql.push_str(&fs::read_to_string(format!("{SCHEMAS}/{name}-create.sql"))?);
    }
    let sql = sql.replace("pres_id VARCHAR(255) NOT NULL", "pres_id VARCHAR(255)");
    let schema = path.with_extension("sql");
    fs::write(&schema, sql)?;
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
    for python in ["python3", "/usr/bin/python3"] {
        let made = Command::new(python)
            .args(["-c", script])
            .args([path, schema.as_path()])
            .stderr(Stdio::null())
            .status();
        if made.is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    bail!("Kamailio's database cannot be made: python3 with sqlite3 is needed")
}
