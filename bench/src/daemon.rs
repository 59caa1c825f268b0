//! The daemon under test and the presence server that takes its publications.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Two processes, and the directory with their files.
pub(crate) struct Daemons {
    directory: PathBuf,
    server: Child,
    daemon: Child,
    /// `127.0.0.1:port` of the management datagrams.
    pub(crate) udp: String,
}

impl Daemons {
    /// Starts both and waits until they serve.
    pub(crate) fn start(pua: &Path, transport: &str) -> anyhow::Result<Daemons> {
        let directory = std::env::temp_dir().join(format!("pua-load-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let at = |name: &str| directory.join(name).display().to_string();
        let quiet = format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[store]\nurl = \"memory:\"\n[publish]\non_stop = \"keep\"\n[http]\nlisten = [\"127.0.0.1:0\"]\n[mi.stream]\nlisten = [\"unix:{}\"]\n",
            at("NAME.stream")
        );
        let text = format!(
            "{}[server]\nenabled = true\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n",
            quiet.replace("NAME", "server")
        );
        let (server, ready) = start(pua, &directory, "server", &text)?;
        let address = ready["server"][0].as_str().unwrap_or_default();
        let address = address.trim_start_matches("udp:");
        let text = format!(
            "presence_server = \"sip:{address};transport={transport}\"\n{}[mi.fifo]\npath = \"{}\"\nreply_dir = \"{}\"\n[mi.datagram]\nlisten = [\"unix:{}\", \"udp:127.0.0.1:0\"]\n",
            quiet.replace("NAME", "daemon"),
            at("fifo"),
            directory.display(),
            at("mi.sock"),
        );
        let (daemon, ready) = start(pua, &directory, "daemon", &text)?;
        let udp = ready["mi_datagram"][1].as_str().unwrap_or_default();
        Ok(Daemons {
            udp: udp.trim_start_matches("udp:").to_owned(),
            directory,
            server,
            daemon,
        })
    }

    /// A file of the run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Seconds of CPU that the daemon has used: user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<(f64, f64)> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.daemon.id()))?;
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

impl Drop for Daemons {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
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
