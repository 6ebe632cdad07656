//! How time and memory grow with threads, with the entries of the tree and with the size of the disk.
//!
//! `scaling [--json FILE]` measures every point, each in processes of its own, and prints the tables as Markdown. It fails where
//! a point passes the promised memory, 64 MiB and 160 bytes for each entry. Times are told and not judged.

mod point;
mod table;

use std::error::Error;
use std::process::{Command, ExitCode};

use point::{Figures, Measured, Point};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let json = match words[..] {
        [] => None,
        ["--json", file] => Some(file),
        // One point in this process: what the others start.
        ["point", ref point @ ..] => {
            println!("{}", serde_json::to_string(&Point::parse(point)?.measure()?)?);
            return Ok(ExitCode::SUCCESS);
        }
        _ => return Err("usage: scaling [--json FILE]".into()),
    };
    let mut measured = Vec::new();
    for point in Point::all() {
        eprintln!("{}", point.words().join(" "));
        measured.push(Measured { point, figures: in_processes(point)? });
    }
    print!("{}", table::markdown(&measured));
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&measured)?)?;
    }
    let too_large: Vec<&Measured> = measured.iter().filter(|one| !one.is_within_memory()).collect();
    for Measured { point, figures } in &too_large {
        let name = point.words().join(" ");
        eprintln!("{name}: {} bytes of memory, {} are promised", figures.memory, point.promised_memory());
    }
    Ok(if too_large.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The run of the median time, of three.
fn in_processes(point: Point) -> Result<Figures, Box<dyn Error>> {
    let mut runs = Vec::new();
    for _ in 0..3 {
        let output = Command::new(std::env::current_exe()?).arg("point").args(point.words()).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {said}", point.words().join(" ")).into());
        }
        runs.push(serde_json::from_slice::<Figures>(&output.stdout)?);
    }
    runs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    Ok(runs.swap_remove(1))
}
