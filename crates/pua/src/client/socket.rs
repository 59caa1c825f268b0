//! One request over a UNIX or UDP socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Broken, left};

/// The largest datagram of the management interface, in bytes.
const DATAGRAM: usize = 65_536;

/// A stream socket, or a datagram socket if that is what the path is.
pub(super) fn unix(path: &Path, request: &[u8], deadline: Instant) -> Result<Vec<u8>, Broken> {
    match UnixStream::connect(path) {
        Ok(stream) => line(stream, request, deadline),
        Err(error) if error.raw_os_error() == Some(nix::libc::EPROTOTYPE) => {
            unix_datagram(path, request, deadline)
        }
        Err(error) => Err(Broken::Connect(error)),
    }
}

/// A line there and a line back.
fn line(mut stream: UnixStream, request: &[u8], deadline: Instant) -> Result<Vec<u8>, Broken> {
    stream
        .set_write_timeout(Some(left(deadline)?))
        .map_err(Broken::Connect)?;
    let written = stream.write_all(&[request, b"\n"].concat());
    let mut reader = BufReader::new(Deadline { stream, deadline });
    let mut answer = Vec::new();
    // A daemon that takes no request of this size says so before it closes.
    let read = reader.read_until(b'\n', &mut answer);
    match written.and(read) {
        _ if answer.ends_with(b"\n") => Ok(answer),
        Err(error) => Err(Broken::after(&error)),
        Ok(_) if !answer.is_empty() => Err(Broken::Other(
            "the daemon closed the connection within its answer".to_owned(),
        )),
        Ok(_) => Err(Broken::Other(
            "the daemon closed the connection without an answer".to_owned(),
        )),
    }
}

/// Reads until a deadline, however many reads it takes.
struct Deadline {
    stream: UnixStream,
    deadline: Instant,
}

impl Read for Deadline {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = left(self.deadline).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

/// A datagram that did not leave.
fn unsent(error: io::Error) -> Broken {
    match error.raw_os_error() {
        Some(nix::libc::EMSGSIZE) => Broken::TooLarge,
        _ => Broken::Connect(error),
    }
}

/// A name of our own for the answer, removed at the end.
struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn unix_datagram(path: &Path, request: &[u8], deadline: Instant) -> Result<Vec<u8>, Broken> {
    let own = std::env::temp_dir().join(format!("pua-client-{}", std::process::id()));
    let _ = std::fs::remove_file(&own);
    let socket = UnixDatagram::bind(&own).map_err(Broken::Connect)?;
    let _name = Name(own);
    socket.connect(path).map_err(Broken::Connect)?;
    socket.send(request).map_err(unsent)?;
    socket
        .set_read_timeout(Some(left(deadline)?))
        .map_err(|e| Broken::after(&e))?;
    let mut answer = vec![0; DATAGRAM];
    let n = socket.recv(&mut answer).map_err(|e| Broken::after(&e))?;
    answer.truncate(n);
    Ok(answer)
}

pub(super) fn udp(host_port: &str, request: &[u8], deadline: Instant) -> Result<Vec<u8>, Broken> {
    let address = host_port
        .to_socket_addrs()
        .map_err(Broken::Connect)?
        .next()
        .ok_or_else(|| Broken::Connect(io::Error::from(io::ErrorKind::NotFound)))?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).map_err(Broken::Connect)?;
    socket.connect(address).map_err(Broken::Connect)?;
    socket.send(request).map_err(unsent)?;
    socket
        .set_read_timeout(Some(left(deadline)?))
        .map_err(|e| Broken::after(&e))?;
    let mut answer = vec![0; DATAGRAM];
    match socket.recv(&mut answer) {
        Ok(n) => {
            answer.truncate(n);
            Ok(answer)
        }
        // ICMP port unreachable.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Broken::Connect(error)),
        Err(error) => Err(Broken::after(&error)),
    }
}
