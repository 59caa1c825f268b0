//! The `pua` program: the daemon, the client commands and the demo.

mod ask;
mod config;
mod engine;
mod exit_codes;
mod http;
mod mi;
mod server;
mod sip;
mod stream;

fn main() {}
