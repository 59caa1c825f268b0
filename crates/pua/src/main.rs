//! The `pua` program: the daemon, the client commands and the demo.

mod ask;
mod carriers;
mod cli;
mod client;
mod clock;
mod collect;
mod config;
mod demo;
mod document;
mod engine;
mod events;
mod exit_codes;
mod holdings;
mod http;
mod log;
mod mi;
mod notify;
mod server;
mod sip;
mod stream;
mod words;

use std::process::ExitCode;

use clap::Parser;

// Many small values are made and dropped for each message: it pays.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(cli::run(cli::Cli::parse()))
}
