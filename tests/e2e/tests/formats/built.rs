//! The batches of the Debian machine that the tests share.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, Result, anyhow, bail};
use diskwright_e2e::debian::{self, DebianTree, Workshop};
use diskwright_e2e::variant::{Batch, Image, Variant};
use diskwright_e2e::{Generated, Tool};

/// The Debian machine and what was made of it so far.
pub(crate) struct Built {
    pub(crate) tree: DebianTree,
    pub(crate) workshop: Workshop,
    /// By name of the batch; each is run, by two threads, when first asked for.
    batches: Mutex<HashMap<&'static str, &'static Generated>>,
    /// By name of the variant.
    innermost: Mutex<HashMap<&'static str, Image>>,
}

impl Built {
    pub(crate) fn get() -> Result<Option<&'static Self>> {
        static BUILT: OnceLock<Result<Option<Built>, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| Self::find().map_err(|error| format!("{error:#}")));
        match built {
            Ok(built) => Ok(built.as_ref()),
            Err(error) => bail!("{error}"),
        }
    }

    fn find() -> Result<Option<Self>> {
        let Some(tree) = DebianTree::find() else { return Ok(None) };
        let workshop = Workshop::enter("formats")?;
        Ok(Some(Self { tree, workshop, batches: Mutex::default(), innermost: Mutex::default() }))
    }

    /// What a batch left.
    pub(crate) fn batch(&self, name: &str) -> Result<&'static Generated> {
        let batch = Batch::named(name)?;
        let mut batches = self.batches.lock().map_err(|_| anyhow!("another batch broke down"))?;
        if let Some(generated) = batches.get(batch.name) {
            return Ok(generated);
        }
        let output = self.workshop.path().join(batch.name);
        let more = [&debian::SETTINGS[..], &["--threads", "2"]].concat();
        let generated = Box::leak(Box::new(batch.generate(&self.tree.root(), &output, &more)?));
        batches.insert(batch.name, generated);
        Ok(generated)
    }

    /// The raw disk, which every other must equal.
    pub(crate) fn raw(&self) -> Result<PathBuf> {
        self.batch("stored")?.output("raw", ".raw")
    }

    /// The file of a variant.
    pub(crate) fn image(&self, variant: &Variant) -> Result<Image> {
        variant.image(self.batch(variant.batch)?)
    }

    /// The file of a variant, or the disk in it if it is an appliance.
    pub(crate) fn disk(&self, variant: &'static Variant, tar: &Tool) -> Result<Image> {
        let image = self.image(variant)?;
        let mut innermost = self.innermost.lock().map_err(|_| anyhow!("another unpacking broke down"))?;
        if let Some(known) = innermost.get(variant.name) {
            return Ok(known.clone());
        }
        let room = self.workshop.path().join(format!("disk-of-{}", variant.format));
        fs::create_dir_all(&room).with_context(|| room.display().to_string())?;
        let disk = image.innermost(tar, &room)?;
        innermost.insert(variant.name, disk.clone());
        Ok(disk)
    }
}
