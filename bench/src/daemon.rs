//! Our daemon as a program under test.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::directory::Directory;
use crate::publisher::{Doors, Publisher, System};

/// How it is started.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The `pua` binary.
    pub(crate) program: PathBuf,
    /// Which of ours.
    pub(crate) system: System,
    /// Its presence server.
    pub(crate) presence_server: String,
    /// In which directory its store is made.
    pub(crate) disk: PathBuf,
    /// What passes is forgotten soon, so that what is held can be weighed: short timers, a small
    /// ring of events.
    pub(crate) brief: bool,
    /// A program with its arguments that runs it, to look into it.
    pub(crate) under: Vec<String>,
}

impl Setup {
    /// The configuration file.
    fn text(&self, directory: &Directory, disk: &Directory) -> String {
        let at = |name: &str| directory.path(name).display().to_string();
        let store = match self.system {
            System::Memory | System::Kamailio => "url = \"memory:\"".to_owned(),
            System::Relaxed => format!(
                "url = \"sqlite:{}\"\ndurability = \"relaxed\"",
                store(disk).display()
            ),
            System::Commit => format!(
                "url = \"sqlite:{}\"\ndurability = \"commit\"",
                store(disk).display()
            ),
        };
        let (timers, ring) = match self.brief {
            true => ("t1_ms = 20\n", "[events]\nring = 4096\n"),
            false => ("", ""),
        };
        format!(
            "presence_server = \"{}\"\n[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n{timers}{ring}[store]\n{store}\n[publish]\non_stop = \"keep\"\n[log]\nlevel = \"warn\"\n[http]\nlisten = [\"127.0.0.1:0\"]\n[mi.stream]\nlisten = [\"unix:{}\"]\n[mi.fifo]\npath = \"{}\"\nreply_dir = \"{}\"\n[mi.datagram]\nlisten = [\"unix:{}\", \"udp:127.0.0.1:0\"]\n",
            self.presence_server,
            at("stream"),
            at("fifo"),
            directory.root().display(),
            at("mi.sock"),
        )
    }

    /// Starts it with nothing to remember, and waits until it serves.
    ///
    /// # Errors
    /// It does not start, or has no such store.
    pub(crate) fn start(&self) -> anyhow::Result<Publisher> {
        let disk = Directory::below(&self.disk)?;
        self.start_with(disk).map(|(publisher, _)| publisher)
    }

    /// Starts it with the store of an earlier life; also tells how long it took until it served.
    ///
    /// # Errors
    /// It does not start, or has no such store.
    pub(crate) fn start_with(&self, disk: Directory) -> anyhow::Result<(Publisher, Duration)> {
        let directory = Directory::fresh()?;
        let config = directory.path("pua.toml");
        let ready = directory.path("ready");
        fs::write(&config, self.text(&directory, &disk))?;
        let begin = Instant::now();
        let mut command = match self.under.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        let mut child = command
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let found = wait(&mut child, &ready);
        let took = begin.elapsed();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let address = |text: &Value| -> anyhow::Result<SocketAddr> {
            // `udp:127.0.0.1:8809` as well as `127.0.0.1:8888`.
            let text = text.as_str().unwrap_or_default();
            let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
            text.parse().with_context(|| format!("no address: {text}"))
        };
        let publisher = Publisher {
            child,
            doors: Doors {
                unix: directory.path("mi.sock"),
                udp: Some(address(&found["mi_datagram"][1])?),
                fifo: directory.path("fifo"),
                replies: directory.root().to_owned(),
                http: address(&found["http"][0])?,
                reply_in_call: false,
            },
            system: self.system,
            directory,
            disk: Some(disk),
        };
        if self.system != System::Memory && !publisher.disk.as_ref().is_some_and(|disk| store(disk).exists())
        {
            bail!("{}: this daemon makes no SQLite store", self.system.name());
        }
        Ok((publisher, took))
    }
}

/// The store's file.
pub(crate) fn store(disk: &Directory) -> PathBuf {
    disk.path("pua.db")
}

fn wait(child: &mut Child, ready: &Path) -> anyhow::Result<Value> {
    let start = Instant::now();
    loop {
        // The file is there at once or not at all: it is renamed into place.
        if let Ok(text) = fs::read(ready) {
            return Ok(serde_json::from_slice(&text)?);
        }
        if let Some(status) = child.try_wait()? {
            bail!("the daemon has ended: {status}");
        }
        if start.elapsed() > Duration::from_secs(120) {
            bail!("the daemon does not get ready");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
