//! The threads of an engine, counted in a process of their own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::TarSource;
use diskwright::sink::MemorySink;
use diskwright::{Files, Seed, Timestamp};

const SCAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar");

fn order() -> Order {
    let scan = TarSource::new(&Files::default(), Path::new(SCAN), &std::env::temp_dir()).unwrap();
    let qcow2 = diskwright::builtin_registry().unwrap().configure("qcow2", true, &[]).unwrap();
    Order::new(Arc::new(scan), vec![qcow2], "m", Seed::from_text("m"), Timestamp::from_seconds(1))
        .with_profile(Profile { boot: Some(BootPolicy::None), ..Profile::default() })
}

fn threads() -> usize {
    Path::new("/proc/self/task").read_dir().unwrap().count()
}

#[test]
fn no_thread_is_left_when_the_engine_and_all_generations_are_gone() {
    let before = threads();
    let engine = Engine::new().with_threads(3).with_concurrency(3);
    assert_eq!(threads(), before);
    let mut canceller = None;
    for number in 0..12 {
        let generation = engine.start(order(), Box::new(MemorySink::new())).unwrap();
        match number % 3 {
            0 => generation.detach(),
            1 => drop(generation),
            _ => canceller = Some(generation.canceller()),
        }
    }
    drop(engine);
    // A thread that has ended its work needs a moment to end.
    let deadline = Instant::now() + Duration::from_secs(60);
    while threads() > before {
        assert!(Instant::now() < deadline, "{} threads are left", threads() - before);
        std::thread::yield_now();
    }
    assert!(canceller.is_some_and(|canceller| canceller.is_cancelled()));
}
