//! One file a command.

mod check;
mod dev_ca;
mod eval;
mod parse;
mod test;

use std::io::Read;

use crate::args::Command;
use crate::output::{Exit, Failure};

pub(crate) fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Parse(args) => parse::run(args),
        Command::Eval(args) => eval::run(&args),
        Command::Test(args) => test::run(&args),
        Command::DevCa(args) => dev_ca::run(&args),
    }
}

/// All of stdin.
fn stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format_args!("stdin: {error}")))?;
    Ok(bytes)
}
