//! The `diskwright-server` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    diskwright_server::main(diskwright::builtin_registry(), std::env::args_os())
}
