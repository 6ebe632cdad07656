//! The `diskwright` program with fixed VHD among its formats.

use std::process::ExitCode;

fn main() -> ExitCode {
    let registry = diskwright::builtin_registry().and_then(|mut registry| {
        registry.register(vhd_fixed::ENTRY)?;
        Ok(registry)
    });
    diskwright_cli::main(registry, std::env::args_os())
}
