//! The `pua` program: the daemon, the client commands and the demo.

mod config;
mod engine;
mod exit_codes;
mod mi;
mod server;
mod sip;

fn main() {}
