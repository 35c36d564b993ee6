//! The `peergate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    peergate_cli::main(std::env::args_os())
}
