//! NOTIFYs through a running daemon: how long from the datagram to the event on the stream
//! socket, what it costs, and what a held subscription weighs.
//!
//! The generator is the notifier: it takes the daemon's SUBSCRIBEs, and sends NOTIFYs at a fixed
//! rate whose documents say when they left.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::daemon::Setup;
use crate::publisher::{Publisher, System};

/// What is sent.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// NOTIFYs a second.
    #[arg(long, default_value_t = 5000)]
    rate: usize,
    /// For so many seconds, or until as many are sent as the rate would have sent in them.
    #[arg(long, default_value_t = 20)]
    seconds: usize,
    /// As fast as they are answered, so many at a time, whatever the rate is.
    #[arg(long)]
    outstanding: Option<usize>,
    /// Subscriptions that they go round.
    #[arg(long, default_value_t = 10_000)]
    subscriptions: usize,
    /// Nobody attaches to the stream of events.
    #[arg(long)]
    unwatched: bool,
}

/// The length of the documents that a held subscription is weighed with.
const DOCUMENT: usize = 430;

/// A document that has this note.
fn document(note: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:u@example.com'><tuple id='t1'><status><basic>open</basic></status></tuple><dm:person id='p1'><rpid:activities><rpid:away/></rpid:activities><dm:note>{note}</dm:note></dm:person></presence>"
    )
}

/// What the daemon made for one subscription.
struct Dialog {
    daemon: SocketAddr,
    contact: String,
    to: String,
    from: String,
    call_id: String,
    event: String,
    cseq: u32,
}

impl Dialog {
    fn of(subscribe: &str, from: SocketAddr) -> Option<Dialog> {
        let header = |name: &str| {
            subscribe
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let contact = header("Contact")?.strip_prefix('<')?.split('>').next()?;
        Some(Dialog {
            daemon: from,
            contact: contact.to_owned(),
            to: header("From")?.to_owned(),
            from: format!("{};tag=n", header("To")?),
            call_id: header("Call-ID")?.to_owned(),
            event: header("Event")?.to_owned(),
            cseq: 0,
        })
    }

    /// A NOTIFY, with a document that has this note.
    fn notify(&mut self, own: SocketAddr, note: Option<&str>) -> String {
        self.cseq += 1;
        let body = note.map_or_else(String::new, document);
        format!(
            "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{}{}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} NOTIFY\r\nContact: <sip:{own}>\r\nEvent: {}\r\nSubscription-State: active;expires=3600\r\nContent-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
            self.contact,
            self.call_id,
            self.cseq,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.event,
            body.len()
        )
    }
}

/// Runs it and prints a table.
pub(crate) fn run(pua: &Path, load: &Load) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let own = socket.local_addr()?;
    let setup = Setup {
        program: pua.to_owned(),
        system: System::Memory,
        presence_server: format!("sip:{own}"),
        disk: std::env::temp_dir(),
        brief: true,
        under: Vec::new(),
    };
    let daemon = setup.start()?;
    let mut dialogs = Vec::new();
    weigh(&daemon, &socket, own, load.subscriptions, &mut dialogs)?;
    let base = Instant::now();
    let total = load.rate * load.seconds;
    let latencies = (!load.unwatched)
        .then(|| watch(&daemon, base, total))
        .transpose()?;
    let answered = Arc::new(AtomicUsize::new(0));
    let answers = {
        let (socket, answered) = (socket.try_clone()?, Arc::clone(&answered));
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = socket.recv(&mut buffer) {
                let good = buffer
                    .get(..count)
                    .is_some_and(|bytes| bytes.starts_with(b"SIP/2.0 200"));
                if good && answered.fetch_add(1, Ordering::Relaxed) + 1 >= total {
                    break;
                }
            }
        })
    };
    let (before, start) = (daemon.cpu()?, Instant::now());
    for number in 0..total {
        let due = start + Duration::from_secs_f64(number as f64 / load.rate as f64);
        if let Some(outstanding) = load.outstanding {
            let since = Instant::now();
            while number >= answered.load(Ordering::Relaxed) + outstanding {
                if since.elapsed() > Duration::from_secs(2) {
                    bail!("NOTIFYs are not answered any more");
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        // A tick of a millisecond is as even as a notifier's own timer.
        } else if let Some(wait) = due.checked_duration_since(Instant::now())
            && wait > Duration::from_millis(1)
        {
            std::thread::sleep(wait);
        }
        let count = dialogs.len();
        let dialog = dialogs.get_mut(number % count).context("no subscription")?;
        let text = dialog.notify(own, Some(&format!("AT:{}", base.elapsed().as_nanos())));
        socket.send_to(text.as_bytes(), dialog.daemon)?;
    }
    let sending = start.elapsed();
    let _ = answers.join();
    let latencies = match latencies {
        Some(watch) => watch.join().map_err(|_| anyhow::anyhow!("the watch failed"))?,
        None => Vec::new(),
    };
    let used = daemon.cpu()? - before;
    println!("NOTIFY/s   sent  answered   told  CPU-s/1000   user  system   p50 ms   p99 ms   max ms");
    let at = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        let nanos = latencies.get(index.min(latencies.len().saturating_sub(1)));
        nanos.map_or(f64::NAN, |nanos| *nanos as f64 / 1e6)
    };
    println!(
        "{:>8.0}{:>7}{:>10}{:>7}{:>12.4}{:>7.2}{:>8.2}{:>9.2}{:>9.2}{:>9.2}",
        total as f64 / sending.as_secs_f64(),
        total,
        answered.load(Ordering::Relaxed),
        latencies.len(),
        used.total() / (total as f64 / 1000.0),
        used.user,
        used.system,
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

/// What a held subscription weighs: without a document, and with one of 430 bytes. Half of them
/// are made, and told of, before anything is counted, so that tables that grow by doubling, the
/// ring of events, and the memory of what passes are there already.
fn weigh(
    daemon: &Publisher,
    socket: &UdpSocket,
    own: SocketAddr,
    count: usize,
    dialogs: &mut Vec<Dialog>,
) -> anyhow::Result<()> {
    let half = count / 2;
    let of_them = (count - half).max(1);
    subscribe(daemon, socket, own, half, dialogs)?;
    let empty = daemon.memory()?.resident as usize;
    subscribe(daemon, socket, own, count, dialogs)?;
    let bare = daemon.memory()?.resident as usize;
    let (first, second) = dialogs.split_at_mut(half);
    tell(socket, own, first)?;
    let begun = daemon.memory()?.resident as usize;
    tell(socket, own, second)?;
    let full = daemon.memory()?.resident as usize;
    println!(
        "held: {count} subscriptions, {} bytes resident each without a document, {} more with one of {DOCUMENT} bytes",
        bare.saturating_sub(empty) / of_them,
        full.saturating_sub(begun) / of_them
    );
    Ok(())
}

/// Tells each of them a document of [`DOCUMENT`] bytes, and then another.
fn tell(socket: &UdpSocket, own: SocketAddr, dialogs: &mut [Dialog]) -> anyhow::Result<()> {
    let mut buffer = [0; 4096];
    for round in 0..2 {
        let note = format!("round {round}");
        let rest = DOCUMENT.saturating_sub(document(&note).len());
        let note = note + &"n".repeat(rest);
        for dialog in dialogs.iter_mut() {
            let text = dialog.notify(own, Some(&note));
            socket.send_to(text.as_bytes(), dialog.daemon)?;
            socket.recv(&mut buffer).context("a NOTIFY is not answered")?;
        }
    }
    // What is remembered of transactions goes (timer J).
    std::thread::sleep(Duration::from_secs(2));
    Ok(())
}

/// Has subscriptions made until there are so many, each answered with 200 and a first NOTIFY.
fn subscribe(
    daemon: &Publisher,
    socket: &UdpSocket,
    own: SocketAddr,
    count: usize,
    dialogs: &mut Vec<Dialog>,
) -> anyhow::Result<()> {
    let calls = UdpSocket::bind("127.0.0.1:0")?;
    calls.connect(daemon.doors.udp.context("no UDP datagrams")?)?;
    calls.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut buffer = [0; 65536];
    while dialogs.len() < count {
        let number = dialogs.len();
        let call = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"pua_subscribe\",\"params\":[\"sip:u{number}@example.com\",\"sip:watcher@example.com\",\"presence\",-1]}}"
        );
        calls.send(call.as_bytes())?;
        let length = calls.recv(&mut buffer).context("pua_subscribe is not answered")?;
        let reply = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
        if !reply.contains("accepted") {
            bail!("pua_subscribe: {reply}");
        }
        loop {
            let (length, from) = socket.recv_from(&mut buffer).context("no SUBSCRIBE comes")?;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
            if !text.starts_with("SUBSCRIBE ") {
                // The answer to the NOTIFY before.
                continue;
            }
            let mut answer = String::from("SIP/2.0 200 OK\r\n");
            for line in text.lines().skip(1) {
                let copied = ["Via: ", "From: ", "Call-ID: ", "CSeq: "];
                if copied.iter().any(|name| line.starts_with(name)) {
                    answer.push_str(&format!("{line}\r\n"));
                } else if let Some(to) = line.strip_prefix("To: ") {
                    answer.push_str(&format!("To: {to};tag=n\r\n"));
                }
            }
            answer.push_str(&format!(
                "Contact: <sip:{own}>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
            ));
            socket.send_to(answer.as_bytes(), from)?;
            let mut dialog = Dialog::of(&text, from).context("a SUBSCRIBE that cannot be read")?;
            let notify = dialog.notify(own, None);
            socket.send_to(notify.as_bytes(), from)?;
            dialogs.push(dialog);
            break;
        }
    }
    // The answers to the last NOTIFYs; and what is remembered of transactions goes (timer J).
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    while socket.recv(&mut buffer).is_ok() {}
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    std::thread::sleep(Duration::from_secs(2));
    Ok(())
}

/// Attaches to the stream of events; the thread's result is the latencies in ascending order.
fn watch(
    daemon: &Publisher,
    base: Instant,
    total: usize,
) -> anyhow::Result<std::thread::JoinHandle<Vec<u64>>> {
    let mut stream = UnixStream::connect(daemon.directory.path("stream"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pua:watch\",\"params\":{\"snapshot\":false,\"kind\":\"state\"}}\n",
    )?;
    let mut lines = BufReader::with_capacity(1 << 20, stream);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    if line.contains("\"error\"") {
        bail!("pua:watch: {line}");
    }
    // What is sent from here on is told.
    while !line.contains("\"attached\"") {
        line.clear();
        lines.read_line(&mut line).context("pua:watch does not begin")?;
    }
    Ok(std::thread::spawn(move || {
        let mut latencies = Vec::with_capacity(total);
        let mut line = String::new();
        while latencies.len() < total {
            line.clear();
            match lines.read_line(&mut line) {
                Ok(count) if count > 0 => {}
                _ => break,
            }
            let now = u64::try_from(base.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let sent = line
                .split("AT:")
                .nth(1)
                .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next())
                .and_then(|digits| digits.parse::<u64>().ok());
            if let Some(sent) = sent {
                latencies.push(now.saturating_sub(sent));
            }
        }
        latencies.sort_unstable();
        latencies
    }))
}
