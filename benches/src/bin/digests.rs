//! What comes out of every scenario now: kind, name, length and digest, one row each, as in `benches/expected.tsv`.
//!
//! `digests` prints the rows, says which of them differ from what is expected, and fails if any does; `digests --write` puts
//! them in the place of what is expected. A row that depends on the number of threads is an error in any case.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use diskwright::engine::OutputEntry;
use diskwright_benches::{Scenario, Stage};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let writes = match arguments.as_slice() {
        [] => false,
        [only] if only == "--write" => true,
        _ => return Err("usage: digests [--write]".into()),
    };
    let mut table = String::new();
    let mut differing = 0;
    for (kind, stage) in [("image", Stage::WriteFormat), ("chunks", Stage::ChunkCodec)] {
        for scenario in stage.scenarios() {
            let outputs = outputs(stage, &scenario)?;
            let output = outputs.first().ok_or("a scenario without output")?;
            let row = format!("{kind}\t{}\t{}\t{}\n", scenario.name(), output.length, output.digest());
            print!("{row}");
            table.push_str(&row);
            if scenario.verify_outputs(&outputs).is_err() {
                differing += 1;
                eprintln!("{kind} {} differs from what is expected", scenario.name());
            }
        }
    }
    if writes {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("expected.tsv"), table)?;
    }
    eprintln!("{differing} rows differ");
    Ok(if differing == 0 || writes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The outputs of one thread, which must be those of three.
fn outputs(stage: Stage, scenario: &Scenario) -> Result<Vec<OutputEntry>, Box<dyn Error>> {
    let disks = if stage == Stage::ChunkCodec { scenario.disks()? } else { Vec::new() };
    let outputs = |threads| match stage {
        Stage::ChunkCodec => scenario.encode_to_output(&disks, threads),
        _ => scenario.run(threads).map(|report| report.outputs),
    };
    let (one, three) = (outputs(1)?, outputs(3)?);
    let digests = |outputs: &[OutputEntry]| -> Vec<(u64, String)> {
        outputs.iter().map(|output| (output.length, output.digest().to_owned())).collect()
    };
    if digests(&one) != digests(&three) {
        return Err(format!("{} depends on the number of threads", scenario.name()).into());
    }
    Ok(one)
}
