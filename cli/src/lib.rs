//! The library behind the `peergate` command: fixtures, explanations, a development CA.

mod args;
mod command;
mod coverage;
pub mod dev_ca;
mod documents;
pub mod explain;
pub mod fixture;
mod output;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use output::{Exit, complain};

/// Runs the `peergate` command with the arguments of the process, or of a test.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let exit = match Args::try_parse_from(arguments) {
        Ok(args) => command::run(args.command).unwrap_or_else(|failure| {
            complain(&failure);
            Exit::Unusable
        }),
        Err(error) => {
            // Help and version come this way too, for stdout; a reader who went away is no error.
            let _ = error.print();
            if error.use_stderr() { Exit::Unusable } else { Exit::Good }
        }
    };
    exit.into()
}
