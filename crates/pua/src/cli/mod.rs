//! The command line: what can be asked for, and which part of the program does it.

mod configuration;
mod doc;
mod failure;
mod options;
mod output;
mod pages;
mod publications;
mod publish;
mod reply;
pub(crate) mod screen;
mod serve;
mod shell;
mod status;
mod store;
mod subscription;
mod subscriptions;
mod tail;
pub(crate) mod watch;

use clap::{Parser, Subcommand};

pub(crate) use failure::Failure;
pub(crate) use options::{Connection, seconds};
pub(crate) use output::Output;
pub(crate) use reply::Reply;
pub(crate) use serve::start as start_daemon;

use crate::{collect, demo, exit_codes};

const EXAMPLES: &str = "\
Examples:
  pua demo                                       see it work, with nothing else installed
  pua config example > pua.toml                  a configuration to start from
  pua serve --config pua.toml                    run the daemon
  pua publish sip:alice@example.com --open --activity meeting --note \"back at 3\"
  pua list                                       what is published now
  pua remove sip:alice@example.com               take it back
  pua watch sip:bob@example.com                  what becomes of bob, as it happens
  pua fetch sip:bob@example.com                  how bob is now, once";

/// A presence user agent for programs: publishes SIP event state (RFC 3903) and watches it
/// (RFC 6665) on behalf of applications that speak no SIP, and keeps both up.
#[derive(Debug, Parser)]
#[command(
    name = "pua",
    version,
    arg_required_else_help = true,
    infer_subcommands = false,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", exit_codes::HELP),
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(serve::Serve),
    /// See it work: a presence server, a daemon, a publisher and a watcher in one process
    Demo(demo::Demo),
    /// Publish the state of a presentity, or change what is published
    Publish(Box<publish::Publish>),
    /// Withdraw a publication
    Remove(publications::Remove),
    /// Refresh a publication now, and tell what the server says
    Refresh(publications::Refresh),
    /// List the publications
    List(publications::List),
    /// Show one publication with all that is known of it
    Show(publications::Show),
    /// Tell every change of presentities as it happens, a line each
    Watch(Box<watch::Watch>),
    /// Ask once for the present state of a presentity
    Fetch(subscription::Fetch),
    /// Watch a presentity, or change for how long
    Subscribe(Box<subscription::Subscribe>),
    /// Watch a presentity no more
    Unsubscribe(subscription::Unsubscribe),
    /// List the subscriptions
    Subscriptions(subscriptions::Subscriptions),
    /// Tell what is known of a presentity that is watched
    State(subscriptions::State),
    /// Tell every event of the daemon as it happens
    Tail(tail::Tail),
    /// Tell how the daemon is
    Status(status::Status),
    /// Publish CPU, memory, load and disk of this machine, again and again
    Collect(collect::Collect),
    /// Check documents of event packages, and convert them from and to JSON
    #[command(subcommand, arg_required_else_help = true)]
    Doc(doc::Doc),
    /// Check a configuration, or print an example
    #[command(subcommand, arg_required_else_help = true)]
    Config(configuration::Configuration),
    /// Look after the database of publications and subscriptions
    #[command(subcommand, arg_required_else_help = true)]
    Store(store::Store),
    /// Print a completion script
    #[command(hide = true)]
    Completion(shell::Completion),
    /// Print the manual page
    #[command(hide = true)]
    Man(shell::Man),
}

/// Does what the command line asks; the exit code.
pub(crate) fn run(cli: Cli) -> u8 {
    let json = cli.command.json();
    let done = match cli.command {
        Command::Serve(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Publish(command) => command.run(),
        Command::Remove(command) => command.run(),
        Command::Refresh(command) => command.run(),
        Command::List(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Watch(command) => command.run(),
        Command::Fetch(command) => command.run(),
        Command::Subscribe(command) => command.run(),
        Command::Unsubscribe(command) => command.run(),
        Command::Subscriptions(command) => command.run(),
        Command::State(command) => command.run(),
        Command::Tail(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Collect(command) => command.run(),
        Command::Doc(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Store(command) => command.run(),
        Command::Completion(command) => command.run(),
        Command::Man(command) => command.run(),
    };
    match done {
        Ok(()) => exit_codes::DONE,
        Err(failure) => failure.tell(json),
    }
}

impl Command {
    /// Whether the output is for machines.
    fn json(&self) -> bool {
        match self {
            Command::Publish(command) => command.connection.json,
            Command::Remove(command) => command.connection.json,
            Command::Refresh(command) => command.connection.json,
            Command::List(command) => command.connection.json,
            Command::Show(command) => command.connection.json,
            Command::Watch(command) => command.connection.json,
            Command::Fetch(command) => command.connection.json,
            Command::Subscribe(command) => command.connection.json,
            Command::Unsubscribe(command) => command.connection.json,
            Command::Subscriptions(command) => command.connection.json,
            Command::State(command) => command.connection.json,
            Command::Tail(command) => command.connection.json,
            Command::Status(command) => command.connection.json,
            Command::Doc(doc::Doc::Check(command)) => command.json,
            Command::Collect(command) => command.connection.json,
            Command::Config(configuration::Configuration::Check(command)) => command.json,
            Command::Store(command) => command.json(),
            _ => false,
        }
    }
}
