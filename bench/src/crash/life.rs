//! One life of the daemon, and what outlives it: the store, the presence server, an observer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::line::Line;
use super::within;

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// What stays: the presence server, and a second daemon that looks at it.
pub(crate) struct World {
    pua: PathBuf,
    directory: PathBuf,
    server: Child,
    observer: Child,
}

impl World {
    pub(crate) fn start(pua: &Path, directory: PathBuf, durability: &str) -> anyhow::Result<World> {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let memory = "[store]\nurl = \"memory:\"\n";
        let server = format!(
            "{memory}[server]\nenabled = true\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n"
        );
        let (server, ready) = ready(
            spawn(
                pua,
                &directory,
                "server",
                &configuration(&directory, "server", None, &server),
            )?,
            &directory,
            "server",
        )?;
        let address = ready["server"][0].as_str().context("no server")?;
        let address = address.trim_start_matches("udp:").to_owned();
        let text = configuration(&directory, "observer", Some(&address), memory);
        let (observer, _) = self::ready(spawn(pua, &directory, "observer", &text)?, &directory, "observer")?;
        // Short grants: refreshes are under way at many a kill.
        let store = format!(
            "[store]\nurl = \"sqlite:{}\"\ndurability = \"{durability}\"\n[publish]\ndefault_expires = 20\non_stop = \"keep\"\n",
            within(&directory, "pua.db").display()
        );
        let text = configuration(&directory, "daemon", Some(&address), &store);
        fs::write(within(&directory, "daemon.toml"), text)?;
        Ok(World {
            pua: pua.to_owned(),
            directory,
            server,
            observer,
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A line to the daemon, or to the observer.
    pub(crate) fn line(&self, own: &str, name: &str) -> anyhow::Result<Line> {
        Line::open(
            &within(&self.directory, own),
            &within(&self.directory, &format!("{name}.mi")),
        )
    }

    /// Takes the files away.
    pub(crate) fn remove(self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for child in [&mut self.observer, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The daemon from its start to its death.
pub(crate) struct Life {
    child: Option<Child>,
    /// From the start to its readiness.
    pub(crate) start_took: Duration,
}

impl Life {
    /// Starts it and does not wait.
    pub(crate) fn start(world: &World) -> anyhow::Result<Life> {
        let _ = fs::remove_file(within(&world.directory, "daemon.ready"));
        let child = command(&world.pua, &world.directory, "daemon").spawn()?;
        Ok(Life {
            child: Some(child),
            start_took: Duration::ZERO,
        })
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start_and_wait(world: &World) -> anyhow::Result<Life> {
        let start = Instant::now();
        let mut life = Life::start(world)?;
        let child = life.child.take().context("no child")?;
        let (child, _) = ready(child, &world.directory, "daemon")?;
        life.child = Some(child);
        life.start_took = start.elapsed();
        Ok(life)
    }

    /// Asks it to stop gracefully.
    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        if let Some(child) = &self.child {
            kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
        }
        Ok(())
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn configuration(directory: &Path, name: &str, presence_server: Option<&str>, rest: &str) -> String {
    let first = presence_server.map_or(String::new(), |address| {
        format!("presence_server = \"sip:{address}\"\n")
    });
    format!(
        "{first}[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[http]\nlisten = [\"127.0.0.1:0\"]\n[mi.stream]\nlisten = [\"unix:{}\"]\n[mi.datagram]\nlisten = [\"unix:{}\"]\n{rest}",
        within(directory, &format!("{name}.stream")).display(),
        within(directory, &format!("{name}.mi")).display(),
    )
}

fn command(pua: &Path, directory: &Path, name: &str) -> Command {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(within(directory, &format!("{name}.log")));
    let mut command = Command::new(pua);
    command
        .args(["serve", "--config"])
        .arg(within(directory, &format!("{name}.toml")))
        .arg("--ready-file")
        .arg(within(directory, &format!("{name}.ready")))
        .stdout(Stdio::null())
        .stderr(log.map_or(Stdio::null(), Stdio::from));
    command
}

fn spawn(pua: &Path, directory: &Path, name: &str, text: &str) -> anyhow::Result<Child> {
    fs::write(within(directory, &format!("{name}.toml")), text)?;
    let _ = fs::remove_file(within(directory, &format!("{name}.ready")));
    command(pua, directory, name)
        .spawn()
        .with_context(|| format!("cannot start {}", pua.display()))
}

/// Waits until it serves, and gives what its ready file says.
fn ready(mut child: Child, directory: &Path, name: &str) -> anyhow::Result<(Child, Value)> {
    let start = Instant::now();
    loop {
        if let Ok(text) = fs::read(within(directory, &format!("{name}.ready")))
            && let Ok(ready) = serde_json::from_slice(&text)
        {
            return Ok((child, ready));
        }
        if let Some(status) = child.try_wait()? {
            let log = fs::read_to_string(within(directory, &format!("{name}.log"))).unwrap_or_default();
            bail!("{name} has ended: {status}\n{log}");
        }
        if start.elapsed() > START {
            let _ = child.kill();
            bail!("{name} does not get ready");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
