//! What is generated from the definition of the command line itself.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;

/// `diskwright completions`.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut script);
    write_out(&script)
}

/// `diskwright man`: the page of the program, or of one of its commands.
pub(crate) fn man(command: Option<&str>) -> Result<(), Failure> {
    let mut program = Arguments::command();
    program.build();
    let page: Command = match command {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(found) => found.clone(),
            None => return Err(Failure::Usage(format!("diskwright has no command {name:?}"))),
        },
    };
    let mut roff = Vec::new();
    let source = concat!("diskwright ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(page).source(source).manual("Diskwright").render(&mut roff)?;
    write_out(&roff)
}

fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

const PROGRAM: &str = "diskwright";
