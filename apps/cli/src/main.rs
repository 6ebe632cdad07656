//! The `diskwright` program: every built-in format, from the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    diskwright_cli::main(diskwright::builtin_registry(), std::env::args_os())
}
