//! Completion scripts and the manual page, from the same source as the help texts.

use clap::{Args, CommandFactory};

use super::output::Output;
use super::{Cli, Failure, exit_codes};

/// Print a completion script
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// For which shell
    shell: clap_complete::Shell,
}

/// Print the manual page
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Of this command
    command: Option<String>,
}

impl Completion {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "pua", &mut script);
        print(&script)
    }
}

impl Man {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut command = Cli::command();
        command.build();
        if let Some(name) = self.command {
            let Some(inner) = command.find_subcommand(&name) else {
                return Err(Failure::usage(format!("there is no command `{name}`")));
            };
            command = inner.clone();
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| Failure::new(exit_codes::INTERNAL, error.to_string()))?;
        print(&page)
    }
}

fn print(text: &[u8]) -> Result<(), Failure> {
    Output::new(false).line(String::from_utf8_lossy(text).trim_end())
}
