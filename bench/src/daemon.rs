//! The daemon under test, and the presence server that takes its publications.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The daemon under test.
pub(crate) struct Daemon {
    directory: PathBuf,
    child: Child,
    /// `127.0.0.1:port` of the management datagrams.
    pub(crate) udp: String,
}

/// What both processes have in their configuration.
fn quiet(directory: &Path, name: &str) -> String {
    format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\"]\nSIP[store]\nurl = \"memory:\"\n[publish]\non_stop = \"keep\"\n[http]\nlisten = [\"127.0.0.1:0\"]\n[mi.stream]\nlisten = [\"unix:{}\"]\n",
        directory.join(format!("{name}.stream")).display()
    )
}

fn fresh_directory() -> anyhow::Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("pua-load-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

impl Daemon {
    /// Starts it, and waits until it serves. Its requests go to `presence_server`. What passes is
    /// forgotten soon, so that what is held can be weighed: short timers, a small ring of events.
    pub(crate) fn start(pua: &Path, presence_server: &str) -> anyhow::Result<Daemon> {
        let brief = "t1_ms = 20\n[events]\nring = 4096\n";
        Daemon::start_in(pua, fresh_directory()?, presence_server, brief)
    }

    fn start_in(pua: &Path, directory: PathBuf, presence_server: &str, sip: &str) -> anyhow::Result<Daemon> {
        let at = |name: &str| directory.join(name).display().to_string();
        let text = format!(
            "presence_server = \"{presence_server}\"\n{}[mi.fifo]\npath = \"{}\"\nreply_dir = \"{}\"\n[mi.datagram]\nlisten = [\"unix:{}\", \"udp:127.0.0.1:0\"]\n",
            quiet(&directory, "daemon").replace("SIP", sip),
            at("fifo"),
            directory.display(),
            at("mi.sock"),
        );
        let (child, ready) = start(pua, &directory, "daemon", &text)?;
        let udp = ready["mi_datagram"][1].as_str().unwrap_or_default();
        Ok(Daemon {
            udp: udp.trim_start_matches("udp:").to_owned(),
            directory,
            child,
        })
    }

    /// A file of the run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Bytes of its memory that are resident.
    pub(crate) fn resident(&self) -> anyhow::Result<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        let kilobytes: usize = line
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()
            .context("VmRSS")?;
        Ok(kilobytes * 1024)
    }

    /// Seconds of CPU that it has used: user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<(f64, f64)> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let rest = stat.rsplit_once(')').context("no name in stat")?.1;
        let field = |at: usize| -> anyhow::Result<f64> {
            let ticks: f64 = rest
                .split_ascii_whitespace()
                .nth(at)
                .context("stat is short")?
                .parse()?;
            Ok(ticks / 100.0)
        };
        // utime and stime: fields 14 and 15, counted from the state, which is field 3.
        Ok((field(11)?, field(12)?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The daemon, and a process of its own with the presence server.
pub(crate) struct Daemons {
    server: Child,
    daemon: Daemon,
}

impl std::ops::Deref for Daemons {
    type Target = Daemon;

    fn deref(&self) -> &Daemon {
        &self.daemon
    }
}

impl Daemons {
    /// Starts both and waits until they serve.
    pub(crate) fn start(pua: &Path, transport: &str) -> anyhow::Result<Daemons> {
        let directory = fresh_directory()?;
        let text = format!(
            "{}[server]\nenabled = true\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n",
            quiet(&directory, "server").replace("SIP", "")
        );
        let (server, ready) = start(pua, &directory, "server", &text)?;
        let address = ready["server"][0].as_str().unwrap_or_default();
        let address = address.trim_start_matches("udp:");
        let daemon = Daemon::start_in(
            pua,
            directory,
            &format!("sip:{address};transport={transport}"),
            "",
        )?;
        Ok(Daemons { server, daemon })
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn start(pua: &Path, directory: &Path, name: &str, text: &str) -> anyhow::Result<(Child, Value)> {
    let config = directory.join(format!("{name}.toml"));
    let ready = directory.join(format!("{name}.ready"));
    fs::write(&config, text)?;
    let mut child = Command::new(pua)
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .arg("--ready-file")
        .arg(&ready)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", pua.display()))?;
    let start = Instant::now();
    loop {
        if let Ok(text) = fs::read(&ready) {
            return Ok((child, serde_json::from_slice(&text)?));
        }
        if let Some(status) = child.try_wait()? {
            bail!("{name} has ended: {status}");
        }
        if start.elapsed() > Duration::from_secs(10) {
            let _ = child.kill();
            bail!("{name} does not get ready");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
