//! Lists the targets, writes their seeds, and runs one over files.
//!
//! ```text
//! diskwright-fuzz list                  a line for each target: name, longest input, what it looks at
//! diskwright-fuzz seeds TARGET FOLDER   writes its seeds as files
//! diskwright-fuzz run TARGET FILE…      runs it over files and says how far each came: what it finds is a panic
//! ```

use std::path::Path;
use std::process::ExitCode;

use diskwright_fuzz::Target;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let named = |name: &str| Target::named(name).ok_or_else(|| format!("there is no target {name}"));
    match arguments {
        ["list"] => {
            for target in Target::all() {
                println!("{}\t{}\t{}", target.name, target.max_len, target.about);
            }
        }
        ["seeds", name, folder] => {
            for (number, seed) in named(name)?.seeds().iter().enumerate() {
                let path = Path::new(folder).join(format!("seed-{number}"));
                std::fs::write(&path, seed).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        ["run", name, files @ ..] => {
            let target = named(name)?;
            for file in files {
                let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
                println!("{file}\t{:?}", target.run(&bytes));
            }
        }
        _ => return Err("Usage: diskwright-fuzz list | seeds TARGET FOLDER | run TARGET FILE…".to_owned()),
    }
    Ok(())
}
