//! Small images of the machine in `fixtures`, and disks with bytes flipped.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::profile::Profile;
use diskwright::scan::{ScanSource, TarSource};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::tree::Whiteouts;
use diskwright::{Files, Monitor, ReadAt, Seed, Timestamp};
use diskwright_verify::{Disk, ImageReport, OwnDigests, Scan, Verifier};

/// The scan that all images are of.
pub(crate) fn scan() -> Arc<dyn ScanSource> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar");
    Arc::new(TarSource::new(&Files::default(), &path, &std::env::temp_dir()).unwrap())
}

/// What was made.
pub(crate) struct Made {
    /// Removed when dropped.
    pub(crate) folder: tempfile::TempDir,
    pub(crate) report: ImageReport,
}

impl Made {
    /// An image of the small machine in a format, with the settings of a profile.
    pub(crate) fn new(format: &str, compress: bool, options: &[(&str, &str)], profile: &str) -> Self {
        Self::of(scan(), format, compress, options, profile)
    }

    pub(crate) fn of(
        scan: Arc<dyn ScanSource>,
        format: &str,
        compress: bool,
        options: &[(&str, &str)],
        profile: &str,
    ) -> Self {
        let order = order(scan, format, compress, options, profile);
        let folder = tempfile::tempdir().unwrap();
        let sink = DirectorySink::create(Files::default(), folder.path(), Overwrite::Refuse).unwrap();
        Engine::new().with_threads(2).run(&order, Box::new(sink), &Monitor::new()).unwrap();
        let report = ImageReport::read(&folder.path().join("report.json")).unwrap();
        Self { folder, report }
    }

    /// The output with this suffix.
    pub(crate) fn path(&self, suffix: &str) -> PathBuf {
        let output = self.report.outputs.iter().find(|output| output.path.ends_with(suffix)).unwrap();
        self.folder.path().join(&output.path)
    }

    /// A verifier that knows the scan and no digest of the outputs.
    pub(crate) fn verifier(&self) -> Verifier {
        let scan = Scan::new(vec![scan()], Whiteouts::Plain);
        Verifier::new(self.report.clone()).with_own_digests(OwnDigests::Skip).with_scan(&scan).unwrap()
    }
}

/// A disk in memory, and where it holds something.
pub(crate) struct Base {
    pub(crate) bytes: Vec<u8>,
    /// Of pieces of 4 KiB.
    has_data: Vec<bool>,
}

impl Base {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let has_data = bytes.chunks(4096).map(|piece| piece.iter().any(|byte| *byte != 0)).collect();
        Self { bytes, has_data }
    }

    pub(crate) fn has_data(&self, offset: usize) -> bool {
        self.has_data[offset / 4096]
    }
}

/// A disk of which one byte is another.
pub(crate) struct Flipped<'a> {
    pub(crate) base: &'a Base,
    pub(crate) at: u64,
    pub(crate) mask: u8,
}

impl ReadAt for Flipped<'_> {
    fn size(&self) -> u64 {
        self.base.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let range = start..start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(self.base.bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        if let Some(byte) = self.at.checked_sub(offset).and_then(|inside| buf.get_mut(inside as usize)) {
            *byte ^= self.mask;
        }
        Ok(())
    }
}

impl Disk for Flipped<'_> {
    fn next_data(&self, from: u64) -> u64 {
        let piece = (from / 4096) as usize;
        let holds = |piece: &usize| self.base.has_data[*piece] || self.at / 4096 == *piece as u64;
        let next = (piece..self.base.has_data.len()).find(holds);
        next.map_or(self.size(), |next| (next as u64 * 4096).max(from))
    }
}

/// A small disk that boots nothing.
pub(crate) const PROFILE: &str = r#"{"boot": "none", "disk_size": "32M"}"#;

/// The list of the digests of what a disk made of this scan holds.
pub(crate) fn list_of(scan: Arc<dyn ScanSource>) -> Vec<u8> {
    let plan = Engine::new().plan(&order(scan, "raw", false, &[], PROFILE), &Monitor::new()).unwrap();
    let mut list = Vec::new();
    diskwright_verify::write_file_digests(plan.tree(), &mut list, &Monitor::new()).unwrap();
    list
}

pub(crate) fn order(
    scan: Arc<dyn ScanSource>,
    format: &str,
    compress: bool,
    options: &[(&str, &str)],
    profile: &str,
) -> Order {
    let options: Vec<(String, String)> =
        options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let target = diskwright::builtin_registry().unwrap().configure(format, compress, &options).unwrap();
    let (seed, timestamp) = (Seed::from_text("verify"), Timestamp::from_seconds(1_700_000_000));
    let mut order = Order::new(scan, vec![target], "small", seed, timestamp);
    order.profile = Profile::from_json(profile.as_bytes()).unwrap();
    order
}
