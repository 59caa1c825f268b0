//! One HTTP POST, by hand: an HTTP/1.0 request on a connection of its own.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Instant;

use super::{Broken, left};

/// Bytes of an answer at most.
const ANSWER: u64 = 64 * 1024 * 1024;

pub(super) fn post(
    authority: &str,
    path: &str,
    request: &[u8],
    deadline: Instant,
) -> Result<Vec<u8>, Broken> {
    let mut stream = connect(authority, deadline)?;
    stream
        .set_write_timeout(Some(left(deadline)?))
        .map_err(Broken::Connect)?;
    // HTTP/1.0 ends the answer with the connection and never cuts it into chunks.
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {authority}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        request.len()
    );
    stream
        .write_all(&[head.as_bytes(), request].concat())
        .map_err(|e| Broken::after(&e))?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        stream
            .set_read_timeout(Some(left(deadline)?))
            .map_err(|e| Broken::after(&e))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) if (answer.len() + n) as u64 > ANSWER => {
                return Err(Broken::Other("the answer is too long".to_owned()));
            }
            Ok(n) => answer.extend_from_slice(&chunk[..n]),
            Err(e) => return Err(Broken::after(&e)),
        }
    }
    body(&answer)
}

fn connect(authority: &str, deadline: Instant) -> Result<TcpStream, Broken> {
    let addresses = authority.to_socket_addrs().map_err(Broken::Connect)?;
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(Broken::Connect(last))
}

/// The body of a 200.
fn body(answer: &[u8]) -> Result<Vec<u8>, Broken> {
    let text = String::from_utf8_lossy(answer);
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n");
    let (Some(end), Some(line)) = (end, text.lines().next()) else {
        return Err(Broken::Other("the answer is not HTTP".to_owned()));
    };
    match line.split(' ').nth(1) {
        Some("200") => Ok(answer[end + 4..].to_vec()),
        Some("413") => Err(Broken::TooLarge),
        Some(status) => Err(Broken::Other(format!(
            "the HTTP server answers {status}; is the path right? It is usually /mi"
        ))),
        None => Err(Broken::Other("the answer is not HTTP".to_owned())),
    }
}
