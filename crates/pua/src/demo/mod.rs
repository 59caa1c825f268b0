//! `pua demo`: a presence server, the daemon, a publisher and a watcher in one process, with
//! nothing else installed.

mod paste;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::screen::{Screen, screen};
use crate::cli::watch::{Made, Target, Teller};
use crate::cli::{self, Failure, Output, Reply};
use crate::client::{Address, Client, Follow, Heard};
use crate::collect::{self, Machine};
use crate::config::{self, Config, LogLevel, SipListen};
use crate::engine::{EngineHandle, Ready};
use crate::{exit_codes, log};

/// The presentity that stands for this machine.
const SYSTEM: &str = "sip:system@example.com";
/// The presentity of the lines to paste.
const PERSON: &str = "sip:alice@example.com";
/// Who watches.
const WATCHER: &str = "sip:watcher@example.com";
/// How long a publication of the demo stands, in seconds.
const LIFETIME: u32 = 600;
/// How long the daemon may take to answer the publisher.
const PATIENCE: Duration = Duration::from_secs(10);

const AFTER: &str = "\
Everything is on the loopback, on ports that the system chooses, and in a temporary directory of its own.
Ctrl-C or SIGTERM ends it and removes everything.";

/// See it work: a presence server, a daemon, a publisher and a watcher in one process
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct Demo {
    /// Seconds between two publications
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = cli::seconds)]
    interval: Duration,
    /// End after so many notifications about this machine
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl Demo {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let scratch = Scratch::new()?;
        let config = configuration(&scratch.0);
        let level = log::start(config.log);
        let (ended, life) = std::sync::mpsc::channel();
        let scene = Scene {
            demo: self,
            config: config.clone(),
        };
        let on_ready = move |ready: &Ready, engine: EngineHandle| {
            let ready = ready.clone();
            std::thread::spawn(move || {
                let done = scene.live(&ready, &engine);
                engine.stop();
                // Nobody waits for it if the engine has failed.
                let _ = ended.send(done);
            });
        };
        let ran = cli::start_daemon(config, level, on_ready);
        // Without a word if the engine never was ready: then it has its own.
        let lived = life.recv().unwrap_or(Ok(()));
        drop(scratch);
        ran?;
        lived
    }
}

/// A directory of our own for FIFO and sockets, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch, Failure> {
        let mut random = [0; 4];
        let failed = |e: &dyn std::fmt::Display| {
            Failure::new(exit_codes::INTERNAL, format!("no temporary directory: {e}"))
        };
        getrandom::fill(&mut random).map_err(|e| failed(&e))?;
        let name = format!("pua-demo-{:08x}", u32::from_ne_bytes(random));
        let path = std::env::temp_dir().join(name);
        // It must be new: nobody else's files are in it.
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|e| failed(&e))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The name is ours alone; what cannot be removed is left to the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A daemon that touches nothing but the loopback and the directory.
fn configuration(directory: &Path) -> Config {
    use pua_core::Transport::{Tcp, Udp};
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let both = vec![
        SipListen {
            transport: Udp,
            addr: here,
        },
        SipListen {
            transport: Tcp,
            addr: here,
        },
    ];
    let mut config = config::defaults();
    config.sip.listen = both.clone();
    // What the demo leaves behind is nothing, at the presence server neither.
    config.store.url = config::StoreUrl::Memory;
    config.publish.on_stop = config::OnStop::Remove;
    config.server.enabled = true;
    config.server.listen = both;
    config.mi.fifo = Some(config::Fifo {
        path: directory.join("pua_fifo"),
        mode: 0o600,
        user: None,
        group: None,
        reply_dir: directory.to_owned(),
    });
    config.mi.stream = Some(config::Stream {
        listen: vec![directory.join("mi-stream.sock")],
        mode: 0o600,
        asked: true,
    });
    config.http = Some(config::Http {
        listen: vec![here],
        root: "mi".to_owned(),
        hosts: Vec::new(),
        asked: true,
    });
    config.log.level = LogLevel::Warn;
    config
}

/// What happens while the daemon runs.
struct Scene {
    demo: Demo,
    config: Config,
}

impl Scene {
    fn live(self, ready: &Ready, engine: &EngineHandle) -> Result<(), Failure> {
        let missing = |what| Failure::new(exit_codes::INTERNAL, format!("the daemon has no {what}"));
        let udp = ready.server.iter().find_map(|a| a.strip_prefix("udp:"));
        let server: SocketAddr = udp
            .and_then(|a| a.parse().ok())
            .ok_or_else(|| missing("presence server"))?;
        let http = ready.http.first().ok_or_else(|| missing("HTTP listener"))?;

        // The server's port is known only now.
        let mut config = self.config.clone();
        config.presence_server = Some(format!("sip:{server}"));
        engine.reload(config);

        let out = Output::new(false);
        let mi = self.config.mi;
        let fifo = mi.fifo.ok_or_else(|| missing("FIFO"))?;
        let stream = mi.stream.and_then(|s| s.listen.first().cloned());
        let stream = stream.ok_or_else(|| missing("stream socket"))?;
        out.line(&paste::intro(out, &fifo.path, http, &stream))?;

        let client = Client::new(Some(Address::Unix(stream)));
        cli::screen::run(async {
            let (screen, mut gone) = screen();
            let ended = tokio::select! {
                biased;
                // What fails after that fails because of it.
                () = engine.stopping().cancelled() => Ok(()),
                failure = gone.wait() => Err(failure),
                seen = watch(client.clone(), self.demo.count, out, &screen) => seen,
                published = publish(client, self.demo.interval) => published,
            };
            gone.finish(screen).await;
            ended
        })
    }
}

/// Watches this machine and the person through the daemon, until `count` notifications that this
/// machine is open have come.
async fn watch(client: Client, count: Option<u64>, out: Output, screen: &Screen) -> Result<(), Failure> {
    let watched = [PERSON, SYSTEM];
    let params =
        json!({"presentity": watched, "kind": ["state", "subscription", "unreadable"], "watcher": WATCHER});
    let params = params.as_object().cloned().unwrap_or_else(Map::new);
    let mut follow = Follow::start(client.clone(), params).await?;
    let mut made = Made::new(client, None)?;
    for presentity in watched {
        let target = Target {
            presentity: presentity.to_owned(),
            watcher: WATCHER.to_owned(),
            package: "presence".to_owned(),
        };
        made.ensure(&target, false).await?;
    }
    let mut teller = Teller::new(out, true);
    let mut seen = 0;
    let mut renew =
        tokio::time::interval_at(tokio::time::Instant::now() + cli::watch::RENEW, cli::watch::RENEW);
    loop {
        let heard = tokio::select! {
            heard = follow.next() => heard?,
            _ = renew.tick() => {
                made.renew().await?;
                continue;
            }
        };
        // The daemon is this program: it goes when the demo ends.
        let Heard::Event(event) = heard else { continue };
        if let Some(line) = teller.line(&event) {
            screen.line(&line).await;
        }
        let open = event.value["summary"]["availability"] == "open";
        if open && event.text("presentity") == Some(SYSTEM) {
            seen += 1;
        }
        if count.is_some_and(|count| seen >= count) {
            return Ok(());
        }
    }
}

/// Publishes how this machine is, again and again.
async fn publish(client: Client, interval: Duration) -> Result<(), Failure> {
    let unreadable = |e: std::io::Error| {
        Failure::new(
            exit_codes::INTERNAL,
            format!("this machine cannot be measured: {e}"),
        )
    };
    let mut machine = Machine::new(Path::new("/")).map_err(unreadable)?;
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        let sample = machine.sample().await.map_err(unreadable)?;
        let params = Value::Object(collect::params(SYSTEM, &sample, LIFETIME, None));
        let client = client.clone();
        let call = tokio::task::spawn_blocking(move || client.call("pua_publish", &params, PATIENCE));
        let answer = call
            .await
            .map_err(|e| Failure::new(exit_codes::INTERNAL, e.to_string()))??;
        if let Some(reply) = Reply::of(&answer)
            && !reply.is_success()
        {
            return Err(reply.failure(&answer));
        }
    }
}
