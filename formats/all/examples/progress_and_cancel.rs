//! Progress and cancellation: orders of two users wait for their turn; their status is looked at, and one is cancelled.
//!
//! `cargo run --example progress_and_cancel -- SCAN OUTPUT-DIRECTORY`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diskwright::engine::{Canceller, Engine, Generation, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::TarSource;
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{ErrorKind, Files, Phase, Seed, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(scan), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: progress_and_cancel SCAN OUTPUT-DIRECTORY".into());
    };
    std::fs::create_dir_all(&output)?;
    let engine = Engine::new().with_concurrency(1).with_queue(10).with_memory(256 << 20);
    let started: Vec<(&str, Generation)> = [("ann", "first"), ("ann", "second"), ("ben", "third")]
        .into_iter()
        .map(|(owner, name)| Ok((name, start(&engine, owner, name, &scan, &output)?)))
        .collect::<diskwright::Result<_>>()?;
    // Ben's order comes before Ann's second one, which is cancelled before its turn.
    started
        .iter()
        .filter(|(name, _)| *name == "second")
        .for_each(|(_, generation)| generation.canceller().cancel());

    // A canceller tells the status, too, and outlives the generation: a server keeps it beside whoever waits.
    let watched: Vec<(&str, Canceller)> =
        started.iter().map(|(name, generation)| (*name, generation.canceller())).collect();
    let watch = std::thread::spawn(move || watch(&watched));
    for (name, generation) in started {
        let id = generation.id();
        match generation.wait() {
            Ok(report) => println!("{id} {name}: {}", report.outputs[0].path),
            Err(error) if error.kind() == ErrorKind::Cancelled => println!("{id} {name}: cancelled"),
            Err(error) => return Err(error.into()),
        }
    }
    watch.join().map_err(|_| "the watch panicked")?;
    Ok(())
}

fn start(
    engine: &Engine,
    owner: &str,
    name: &str,
    scan: &Path,
    output: &Path,
) -> diskwright::Result<Generation> {
    let source = Arc::new(TarSource::new(&Files::default(), scan, &std::env::temp_dir())?);
    let raw = diskwright::builtin_registry()?.configure("raw", true, &[])?;
    let order = Order::new(source, vec![raw], name, Seed::from_text(name), Timestamp::from_seconds(0))
        .with_profile(Profile { boot: Some(BootPolicy::Optional), ..Profile::default() });
    let sink = DirectorySink::create(Files::default(), output.join(name), Overwrite::Refuse)?;
    engine.start_for(owner, order, Box::new(sink))
}

/// Tells how far all are until all have ended.
fn watch(watched: &[(&str, Canceller)]) {
    loop {
        let statuses: Vec<_> = watched.iter().map(|(name, canceller)| (name, canceller.status())).collect();
        for (name, status) in &statuses {
            let (phase, percentage) = (status.phase, status.percentage());
            match (status.ahead, status.eta()) {
                (Some(ahead), _) => eprint!("{name}: {ahead} ahead  "),
                (None, Some(eta)) => eprint!("{name}: {phase:?} {percentage}%, {} s left  ", eta.as_secs()),
                (None, None) => eprint!("{name}: {phase:?} {percentage}%  "),
            }
        }
        eprintln!();
        if statuses.iter().all(|(_, status)| matches!(status.phase, Phase::Finished | Phase::Failed)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
