//! `pua-load`: what a publication costs, ours and others', and what many of them do over time.

mod call;
mod client;
mod crash;
mod daemon;
mod directory;
mod figures;
mod instructions;
mod kamailio;
mod long;
mod machine;
mod notify;
mod options;
mod page;
mod process;
mod publisher;
mod results;
mod sink;
mod suite;
mod svg;
mod table;

use clap::{Parser, Subcommand};

use crate::options::Options;

/// What is measured.
#[derive(Debug, Subcommand)]
enum Kind {
    /// Everything side by side, ours and Kamailio: eleven minutes.
    All(suite::Load),
    /// One way of calling, again and again: to profile it, or to see what a change did.
    Calls(suite::Calls),
    /// How evenly and how timely many publications with a short grant are refreshed.
    Refresh(suite::RefreshLoad),
    /// What a held publication weighs.
    Weigh(suite::WeightLoad),
    /// A million publications, held for a quarter of an hour.
    Hold(long::HoldLoad),
    /// A daemon that is stopped or killed with half a million publications, and comes back.
    Restart(long::RestartLoad),
    /// A presence server that comes back knowing nobody.
    Refill(long::RefillLoad),
    /// Instructions of the daemon for one publication (valgrind): the same on every machine.
    Instructions(instructions::Load),
    /// Makes `docs/performance.md` from the results that are kept.
    Page(page::Load),
    /// NOTIFYs in, events out: latency, CPU time, bytes per subscription.
    Notify(notify::Load),
    /// SIGKILL under load, again and again: nothing acknowledged is lost, nothing removed comes back.
    Crash(crash::Crash),
    /// The presence server that takes what is published; started by the others.
    #[command(hide = true)]
    Sink(sink::Settings),
}

/// What a publication costs, ours and others', and what many of them do over time.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    kind: Kind,
    #[command(flatten)]
    options: Options,
}

fn main() -> anyhow::Result<()> {
    let Arguments { kind, options } = Arguments::parse();
    match kind {
        Kind::All(load) => suite::run(&options, &load),
        Kind::Calls(load) => suite::calls(&options, &load),
        Kind::Refresh(load) => suite::run_refresh(&options, &load),
        Kind::Weigh(load) => suite::run_weight(&options, &load),
        Kind::Hold(load) => long::hold(&options, &load),
        Kind::Restart(load) => long::restart(&options, &load),
        Kind::Refill(load) => long::refill(&options, &load),
        Kind::Instructions(load) => instructions::run(&options, &load),
        Kind::Page(load) => page::run(&options, &load),
        Kind::Notify(load) => notify::run(&options.pua, &load),
        Kind::Crash(crash) => crash::run(&options.pua, &crash),
        Kind::Sink(settings) => sink::serve(&settings),
    }
}
