//! A sink of one's own: outputs go in parts to an object store, as an upload in parts over HTTP would.
//!
//! Parts come from several threads and in any order; what is never written is a hole and is not sent. Nothing can be seen
//! in the store before everything is there.
//!
//! `cargo run --example own_sink -- SCAN`

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diskwright::engine::{Engine, Order};
use diskwright::format::OutputSpec;
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::TarSource;
use diskwright::sink::{Output, Sink};
use diskwright::{Files, Monitor, Seed, Timestamp};

/// Stands for a remote store.
#[derive(Clone, Default)]
struct Store {
    visible: Arc<Mutex<BTreeMap<String, Object>>>,
}

#[derive(Default)]
struct Object {
    len: u64,
    /// By offset, in bytes.
    parts: BTreeMap<u64, Vec<u8>>,
}

/// One generation's outputs on their way to the store.
struct Upload {
    store: Store,
    pending: Vec<(String, Arc<Mutex<Object>>)>,
}

impl Sink for Upload {
    fn create(&mut self, spec: &OutputSpec) -> diskwright::Result<Box<dyn Output>> {
        let object = Arc::default();
        self.pending.push((spec.name.clone(), Arc::clone(&object)));
        Ok(Box::new(ObjectOutput { object }))
    }

    fn commit(self: Box<Self>) -> diskwright::Result<()> {
        let mut visible = lock(&self.store.visible);
        for (name, object) in self.pending {
            visible.insert(name, std::mem::take(&mut *lock(&object)));
        }
        Ok(())
    }

    fn abort(self: Box<Self>) {
        // A remote store would be told to drop the parts.
    }
}

struct ObjectOutput {
    object: Arc<Mutex<Object>>,
}

impl Output for ObjectOutput {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        lock(&self.object).parts.insert(offset, bytes.to_vec());
        Ok(())
    }

    fn finish(self: Box<Self>, len: u64) -> io::Result<()> {
        lock(&self.object).len = len;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scan = std::env::args_os().nth(1).ok_or("usage: own_sink SCAN")?;
    let scan = Arc::new(TarSource::new(&Files::default(), Path::new(&scan), &std::env::temp_dir())?);
    let raw = diskwright::builtin_registry()?.configure("raw", false, &[])?;
    let order = Order::new(scan, vec![raw], "disk", Seed::from_text("example"), Timestamp::from_seconds(0))
        .with_profile(Profile { boot: Some(BootPolicy::Optional), ..Profile::default() });
    let store = Store::default();
    let upload = Upload { store: store.clone(), pending: Vec::new() };
    Engine::new().run(&order, Box::new(upload), &Monitor::new())?;
    for (name, object) in lock(&store.visible).iter() {
        let sent: usize = object.parts.values().map(Vec::len).sum();
        println!("{name}: {} bytes, {sent} sent in {} parts", object.len, object.parts.len());
    }
    Ok(())
}
