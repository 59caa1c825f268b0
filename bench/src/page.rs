//! `docs/performance.md` and its plots, made from the results that are kept.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::call::DOCUMENT_BYTES;
use crate::client::Way;
use crate::figures::{Evenness, coarser};
use crate::long::{hold_table, refill_table, restart_table};
use crate::machine::Machine;
use crate::options::Options;
use crate::publisher::System;
use crate::results::{All, Hold, PublishRow, Refill, RefreshRow, Restart, kept, write};
use crate::suite::{publish_table, refresh_table, weight_table};
use crate::svg::{Bar, Series, bars, panels};
use crate::table::number;

/// The page on performance.
#[derive(Clone, Debug, Args)]
pub(crate) struct Load {
    /// The page; plots go into a directory beside it that is called as it is.
    #[arg(long, default_value = "docs/performance.md")]
    page: PathBuf,
}

/// Names of results of long runs, each with its title.
const HOLDS: [&str; 3] = ["hold", "hold-hour", "hold-1200"];
const RESTARTS: [&str; 2] = ["restart", "restart-kill"];
const REFILLS: [&str; 2] = ["refill", "refill-slow"];

const INTRODUCTION: &str = "# Performance

Made by `pua-load page` from what was measured; do not edit. The figures stand as JSON beside the plots. How to measure again is at the end.

Whatever is compared was measured in one run on one machine, in turns: the load generator, the program under test and the sink share its processors, so
rates are those of all three together, and a machine of one's own is faster. CPU time is what counts: it depends least on what else the machine
does. Where other work ran meanwhile (the load before a run is told) even that grows by a fifth to a half, latencies by more; ratios within a run hold best.
";

const PUBLISHING: &str = "
- *pua, memory*: nothing is kept; *relaxed*: SQLite, written within 100 ms; *commit*: SQLite, on disk before the answer, which is the default.
- *Kamailio*: the `pua` and `pua_rpc` modules from Debian with SQLite, at their defaults. It has no way to wait for the server's response over datagrams and FIFO
  (`pua.send_publish` answers when it has taken the call), keeps no document, and writes to its database by a timer: what happens between two writes is lost with the process.
- *call*: `pua_publish` and `pua.publish` are answered with the presence server's response, `pua.send_publish` at once. *out*: messages outstanding;
  8x8: connections and requests on each, 8x16: connections and calls in a batch.
- *calls/s*: until the sink has what was called for; median of the rounds, and the best. *CPU-s/1000*: of the system's own processes for 1000 publications at the sink, with the least and the most of any
  round; *all/1000*: with sink and load generator. *failed*: calls without success, and those of which nothing arrived. *again*: PUBLISH requests that were sent again.
- *CPU saved*, *faster*: against Kamailio with the same way and as many outstanding; UDP datagrams against its UNIX datagrams, pipelined and batched HTTP against its single calls on 8 connections.
";

const REPEAT: &str = "
## How to measure again

    scripts/bench                   # everything side by side, eleven minutes; --quick: one
    scripts/soak                    # the long runs; sizes and times as arguments, see --help
    target/release/pua-load page    # makes this page from target/bench/*.json

`pua-load --help` lists the single measurements. Without Kamailio (Debian: `kamailio kamailio-presence-modules kamailio-sqlite-modules`) its rows are left out. Each measurement is told on
which load it began; do it again on a quiet machine if that is above 0.5.
";

/// Makes the page.
///
/// # Errors
/// A result cannot be read, or the page cannot be written.
pub(crate) fn run(options: &Options, load: &Load) -> anyhow::Result<()> {
    let mut page = Page {
        text: INTRODUCTION.to_owned(),
        plots: load.page.with_extension(""),
    };
    let all = kept::<All>(&options.result("all.json"))?;
    let all = all.map_or_else(|| kept(&options.result("quick.json")), |all| Ok(Some(all)))?;
    if let Some(all) = all {
        page.all(&all)?;
    }
    if let Some(all) = kept::<All>(&options.result("refresh.json"))? {
        page.text.push_str("\n## Refreshes over five minutes\n\n");
        page.circumstances(&all.machine);
        page.refreshes("refresh", &all.refresh)?;
    }
    for name in HOLDS {
        if let Some(hold) = kept::<Hold>(&options.result(&format!("{name}.json")))? {
            page.hold(name, &hold)?;
        }
    }
    for name in RESTARTS {
        if let Some(restart) = kept::<Restart>(&options.result(&format!("{name}.json")))? {
            page.restart(name, &restart)?;
        }
    }
    for name in REFILLS {
        if let Some(refill) = kept::<Refill>(&options.result(&format!("{name}.json")))? {
            page.refill(name, &refill)?;
        }
    }
    page.text.push_str(REPEAT);
    let names = HOLDS.iter().chain(&RESTARTS).chain(&REFILLS);
    for name in ["all", "refresh"].iter().chain(names) {
        let file = format!("{name}.json");
        if let Ok(text) = std::fs::read_to_string(options.result(&file)) {
            write(&page.plots.join(&file), &text)?;
        }
    }
    write(&load.page, &page.text)?;
    println!("written: {}", load.page.display());
    Ok(())
}

struct Page {
    text: String,
    plots: PathBuf,
}

impl Page {
    fn circumstances(&mut self, machine: &Machine) {
        let kamailio = machine
            .kamailio
            .as_deref()
            .map_or(String::new(), |version| format!(" {version}."));
        let _ = writeln!(
            self.text,
            "{}: {}, {} processors, {:.0} GiB, Linux {}; commit {}; load {} before it began.{kamailio}",
            machine.date,
            machine.processor,
            machine.processors,
            machine.memory_gib,
            machine.kernel,
            machine.commit,
            number(machine.load)
        );
        if machine.load > 1.0 {
            self.text.push_str(
                "\n**Other work ran on this machine: take the figures as rough, the ratios as better.**\n",
            );
        }
        if machine.debug_build {
            self.text
                .push_str("\n**A debug build of pua: the figures say nothing.**\n");
        }
        self.text.push('\n');
    }

    /// Writes a plot and shows it.
    fn plot(&mut self, name: &str, alternative: &str, plot: &str) -> anyhow::Result<()> {
        write(&self.plots.join(format!("{name}.svg")), plot)?;
        let directory = self
            .plots
            .file_name()
            .unwrap_or(Path::new("performance").as_os_str());
        let _ = writeln!(
            self.text,
            "![{alternative}]({}/{name}.svg)\n",
            directory.display()
        );
        Ok(())
    }

    fn all(&mut self, all: &All) -> anyhow::Result<()> {
        self.text.push_str("\n## What a publication costs\n\n");
        self.circumstances(&all.machine);
        if all.quick {
            self.text
                .push_str("A quick run, to see that everything works: the figures say little.\n\n");
        }
        let _ = writeln!(
            self.text,
            "Each publication brings another document of {DOCUMENT_BYTES} bytes.\n{PUBLISHING}"
        );
        self.text.push_str(&publish_table(&all.publish).markdown());
        self.text.push('\n');
        let chosen: Vec<&PublishRow> = all.publish.iter().filter(|row| telling(row)).collect();
        let bar = |row: &&PublishRow, value: f64| Bar {
            name: format!(
                "{}, {}, {}",
                row.system.name(),
                row.shape.way.name(),
                row.shape.outstanding
            ),
            value,
            colour: row.system as usize,
        };
        let cpu: Vec<Bar> = chosen.iter().map(|row| bar(row, row.cpu)).collect();
        let title = "CPU seconds of the publisher for 1000 publications";
        self.plot("cpu", title, &bars(title, &cpu, number))?;
        let speed: Vec<Bar> = chosen.iter().map(|row| bar(row, row.per_second)).collect();
        let title = "Publications a second, with generator and sink on the same machine";
        self.plot("speed", title, &bars(title, &speed, number))?;
        self.text.push_str("## What a held publication weighs\n\n");
        self.text.push_str("Bytes of memory for each, its document and the program's own tables in it; of Kamailio, which keeps no document, of all its processes.\n\n");
        self.text.push_str(&weight_table(&all.weight).markdown());
        self.text.push_str("\n## How evenly refreshes come\n\n");
        self.refreshes("refresh-short", &all.refresh)?;
        for reason in &all.left_out {
            let _ = writeln!(self.text, "Left out: {reason}.\n");
        }
        Ok(())
    }

    fn refreshes(&mut self, name: &str, rows: &[RefreshRow]) -> anyhow::Result<()> {
        self.text.push_str("All are published as fast as it goes, an hour is asked for and much less granted; then it is counted what arrives in each 100 ms. *again*: sent again although the sink had answered. *late*: after the grant had ended; *margin*: the least time that was left of one.\n\n");
        self.text.push_str("Kamailio looks every ten seconds (oftener for grants under 30 s) for what ends before it looks again, and sends all of that at once: whether it is in time is luck. What is too late is answered 412 and runs out.\n\n");
        self.text.push_str(&refresh_table(rows).markdown());
        self.text.push('\n');
        let series: Vec<Series> = rows
            .iter()
            .map(|row| Series {
                name: format!("{}: peak/mean {}", row.system.name(), number(row.evenness.ratio)),
                values: row.bins.iter().map(|count| f64::from(*count)).collect(),
            })
            .collect();
        let title = "Refreshes in each 100 ms";
        self.plot(name, title, &panels(title, "requests", 0.1, &series))
    }

    fn hold(&mut self, name: &str, hold: &Hold) -> anyhow::Result<()> {
        let granted = hold.grant;
        let _ = writeln!(
            self.text,
            "\n## {} publications, held with a grant of {granted} s\n",
            hold.publications
        );
        self.circumstances(&hold.machine);
        self.text.push_str(&hold_table(hold).markdown());
        self.text.push('\n');
        let series = [
            series("refreshes in each second", &coarser(&hold.bins, 10), 1),
            Series {
                name: "memory of the daemon, MB (each ten seconds)".to_owned(),
                values: stretched(&hold.samples, |sample| sample.daemon as f64 / 1e6),
            },
            Series {
                name: "CPU of the daemon, % of one processor".to_owned(),
                values: stretched(&hold.samples, |sample| sample.daemon_cpu * 100.0),
            },
        ];
        let title = format!("{} publications held", hold.publications);
        self.plot(name, &title, &panels(&title, "", 1.0, &series))
    }

    fn restart(&mut self, name: &str, restart: &Restart) -> anyhow::Result<()> {
        let how = if restart.killed { "killed" } else { "stopped" };
        let _ = writeln!(
            self.text,
            "\n## A daemon {how} with {} publications, started again\n",
            restart.publications
        );
        self.circumstances(&restart.machine);
        self.text.push_str(&restart_table(restart).markdown());
        self.text.push('\n');
        let even = Evenness::of(&restart.bins);
        let title = format!("After the start, peak/mean {}", number(even.ratio));
        let one = series("requests in each second", &coarser(&restart.bins, 10), 1);
        self.plot(name, &title, &panels(&title, "", 1.0, &[one]))
    }

    fn refill(&mut self, name: &str, refill: &Refill) -> anyhow::Result<()> {
        let _ = writeln!(
            self.text,
            "\n## A server that comes back knowing nobody of {} publications, and answers after {} ms\n",
            refill.publications, refill.delay_ms
        );
        self.circumstances(&refill.machine);
        self.text.push_str(&refill_table(refill).markdown());
        self.text.push('\n');
        let lines = [
            series("requests in each second", &coarser(&refill.bins, 10), 1),
            Series {
                name: "publications at the server".to_owned(),
                values: refill.held.iter().map(|held| *held as f64).collect(),
            },
        ];
        let title = "The server fills again";
        self.plot(name, title, &panels(title, "", 1.0, &lines))
    }
}

fn series(name: &str, bins: &[u32], by: usize) -> Series {
    Series {
        name: name.to_owned(),
        values: coarser(bins, by).into_iter().map(f64::from).collect(),
    }
}

/// Samples as one value for each second, each until the next.
fn stretched<T>(samples: &[T], of: impl Fn(&T) -> f64) -> Vec<f64> {
    samples
        .iter()
        .flat_map(|sample| std::iter::repeat_n(of(sample), 10))
        .collect()
}

/// Rows that the plots show: a few of each system that can be compared.
fn telling(row: &PublishRow) -> bool {
    let outstanding = match row.shape.way {
        Way::Unix | Way::Fifo | Way::Http => 8,
        Way::Batch => row.shape.outstanding,
        Way::Udp | Way::Pipelined => return false,
    };
    let call = row.system == System::Kamailio || row.shape.command == crate::call::Command::Publish;
    call && row.shape.outstanding == outstanding
}
