//! The exit codes of the program, the same for every command.

/// Done.
pub(crate) const DONE: u8 = 0;
/// A fault of the program or the system; another daemon uses the store, or has taken it over, or the last changes
/// could not be written to it.
pub(crate) const INTERNAL: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// The configuration is wrong.
pub(crate) const CONFIGURATION: u8 = 3;
/// The daemon cannot be reached.
pub(crate) const UNREACHABLE: u8 = 4;
/// The daemon refuses: a bad parameter, no such publication. Also what `pua doc` refuses.
pub(crate) const REFUSED_BY_DAEMON: u8 = 5;
/// The presence server refuses; its code is in the output.
pub(crate) const REFUSED_BY_SERVER: u8 = 6;
/// No answer in time.
pub(crate) const NO_ANSWER: u8 = 7;

/// The table for help texts.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  internal fault, another daemon has the store, or it could not be written at the end
  2  wrong usage
  3  wrong configuration
  4  the daemon cannot be reached
  5  refused by the daemon (a bad parameter, no such publication or subscription)
  6  refused by the presence server (the SIP code is in the output)
  7  no answer in time";
