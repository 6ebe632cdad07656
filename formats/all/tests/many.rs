//! Many generations at once.

use std::path::Path;
use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::TarSource;
use diskwright::sink::{MemoryOutputs, MemorySink};
use diskwright::{Files, Monitor, Seed, Timestamp};

const SCAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar");
const MEMORY: u64 = 320 << 20;

/// One of four orders, by its number.
fn order(number: usize) -> Order {
    let ids: &[&str] = [&["raw"][..], &["qcow2"], &["virtualbox", "vmware"], &["vmdk", "qcow2"]][number % 4];
    let registry = diskwright::builtin_registry().unwrap();
    let formats = ids.iter().map(|id| registry.configure(id, true, &[]).unwrap()).collect();
    let scan = TarSource::new(&Files::default(), Path::new(SCAN), &std::env::temp_dir()).unwrap();
    Order::new(Arc::new(scan), formats, "many", Seed::from_text("many"), Timestamp::from_seconds(1))
        .with_profile(Profile { boot: Some(BootPolicy::None), ..Profile::default() })
}

/// The outputs but the report, which tells how long the run took.
fn images(outputs: &MemoryOutputs) -> Vec<(String, Vec<u8>)> {
    let outputs = outputs.lock().unwrap();
    let images = outputs.iter().filter(|(name, _)| *name != "report.json");
    images.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

/// Peak resident memory of this process: bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn sixty_four_generations_give_what_each_gives_alone_within_their_memory() {
    let engine = Engine::new().with_threads(4).with_concurrency(4).with_memory(MEMORY);
    let expected: Vec<_> = (0..4)
        .map(|number| {
            let sink = MemorySink::new();
            let outputs = sink.outputs();
            engine.run(&order(number), Box::new(sink), &Monitor::new()).unwrap();
            images(&outputs)
        })
        .collect();
    let generations: Vec<_> = (0..64)
        .map(|number| {
            let sink = MemorySink::new();
            let outputs = sink.outputs();
            let owner = ["ann", "ben", "cem"][number % 3];
            (engine.start_for(owner, order(number), Box::new(sink)).unwrap(), outputs)
        })
        .collect();
    for (number, (generation, outputs)) in generations.into_iter().enumerate() {
        generation.wait().unwrap();
        assert!(images(&outputs) == expected[number % 4], "generation {number}");
        outputs.lock().unwrap().clear();
    }
    let peak = peak_memory();
    assert!(peak <= MEMORY, "{peak} bytes");
}
