//! Generations under an asynchronous runtime, which the engine knows nothing of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use diskwright::engine::{Engine, Generation, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::{ScanSource, ScanSummary, ScanVisitor, SourceContent, TarSource};
use diskwright::sink::{DirectorySink, MemorySink, Overwrite};
use diskwright::{ErrorKind, Files, Phase, ReadAt, Seed, Timestamp};
use tokio::sync::oneshot;

fn small_scan() -> Result<Arc<TarSource>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar");
    Ok(Arc::new(TarSource::new(&Files::default(), &path, &std::env::temp_dir())?))
}

fn order(scan: Arc<dyn ScanSource>, name: &str) -> Result<Order> {
    let qcow2 = diskwright::builtin_registry()?.configure("qcow2", true, &[])?;
    let order = Order::new(scan, vec![qcow2], name, Seed::from_text(name), Timestamp::from_seconds(0));
    Ok(order.with_profile(Profile { boot: Some(BootPolicy::None), ..Profile::default() }))
}

fn start(engine: &Engine, directory: PathBuf, name: &str) -> Result<Generation> {
    let sink = DirectorySink::create(Files::default(), directory, Overwrite::Refuse)?;
    Ok(engine.start(order(small_scan()?, name)?, Box::new(sink))?)
}

#[tokio::test]
async fn generations_are_awaited_on_one_thread() -> Result<()> {
    let room = tempfile::tempdir()?;
    let engine = Engine::new();
    let generations: Vec<Generation> = ["a", "b", "c"]
        .iter()
        .map(|name| start(&engine, room.path().join(name), name))
        .collect::<Result<_>>()?;
    let tasks: Vec<_> =
        generations.into_iter().map(|generation| tokio::spawn(generation.into_future())).collect();
    for (task, name) in tasks.into_iter().zip(["a", "b", "c"]) {
        let report = task.await??;
        assert!(room.path().join(name).join(&report.outputs[0].path).exists());
    }
    Ok(())
}

/// A scan that says when it has begun, and ends only by being cancelled.
struct Endless {
    begun: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

impl ScanSource for Endless {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> diskwright::Result<ScanSummary> {
        let mut begun = self.begun.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(begun) = begun.take() {
            let _ = begun.send(());
        }
        loop {
            visitor.check()?;
            std::thread::yield_now();
        }
    }

    fn open(&self, _: SourceContent) -> diskwright::Result<Arc<dyn ReadAt>> {
        Err(diskwright::Error::new(ErrorKind::Internal, "the scan named no file"))
    }
}

#[tokio::test]
async fn a_select_that_goes_the_other_way_cancels() -> Result<()> {
    let (sender, begun) = oneshot::channel();
    let source = Arc::new(Endless { begun: std::sync::Mutex::new(Some(sender)) });
    let engine = Engine::new().with_concurrency(1);
    let generation = engine.start(order(source, "endless")?, Box::new(MemorySink::new()))?;
    let canceller = generation.canceller();
    tokio::select! {
        _ = generation.into_future() => anyhow::bail!("it has no end"),
        begun = begun => begun?,
    }
    assert!(canceller.is_cancelled());
    // The next one begins only when that one has ended.
    engine.start(order(small_scan()?, "next")?, Box::new(MemorySink::new()))?.await?;
    assert_eq!(canceller.status().phase, Phase::Failed);
    Ok(())
}
