//! Valid images of small disks, made once by the formats themselves.

use std::sync::{Arc, OnceLock};

use diskwright::engine::{Engine, Order};
use diskwright::format::Machine;
use diskwright::profile::Profile;
use diskwright::sink::MemorySink;
use diskwright::{Monitor, Seed, Timestamp};
use diskwright_verify::ImageReport;
use serde_json::json;

use crate::disk::Model;
use crate::patch::Base;
use crate::tree::Tree;

/// The files of an image, the one that is opened first.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) files: Vec<(String, Base)>,
    pub(crate) report: ImageReport,
    /// Whether the files are packed: what is changed is what is in them.
    pub(crate) is_gzip: bool,
}

/// An image of each kind.
pub(crate) fn images() -> &'static [Image] {
    static IMAGES: OnceLock<Vec<Image>> = OnceLock::new();
    IMAGES.get_or_init(|| KINDS.iter().map(image).collect())
}

type Kind = (&'static str, bool, &'static [(&'static str, &'static str)]);

const KINDS: [Kind; 18] = [
    ("qcow2", false, &[]),
    ("qcow2", true, &[("cluster-size", "4K")]),
    ("qcow2", true, &[("compression", "zstd")]),
    ("vdi", false, &[]),
    ("vmdk", false, &[]),
    ("vmdk", false, &[("subformat", "flat")]),
    ("vmdk", true, &[]),
    ("virtualbox", false, &[]),
    ("vmware", false, &[]),
    ("virtualbox", true, &[]),
    ("vmware", true, &[("digest", "sha512")]),
    ("vhd", false, &[]),
    ("vhd", false, &[("subformat", "fixed")]),
    ("vhdx", false, &[]),
    ("vhdx", false, &[("subformat", "fixed")]),
    ("gce", true, &[]),
    ("vagrant", true, &[]),
    ("vagrant", true, &[("provider", "libvirt")]),
];

fn image((id, compress, options): &Kind) -> Image {
    let options: Vec<(String, String)> =
        options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let format = diskwright::builtin_registry().unwrap().configure(id, *compress, &options).unwrap();
    let machine = Machine::new("disk", Seed::from_text("fuzz"), Timestamp::from_seconds(1_700_000_000));
    // Compute Engine takes whole GiB; its holes are not stored.
    let size = if *id == "gce" { 1 << 30 } else { 3 << 20 };
    let model = Model::of_parts(
        size,
        &[(0, b"first".to_vec()), (200_000, b"text ".repeat(2000)), (700_000, vec![7; 9000])],
    );
    let sink = MemorySink::new();
    let files = sink.outputs();
    let engine = Engine::new().with_threads(1);
    let outputs = engine
        .write_disks(&[model.layout()], format.as_ref(), &machine, Box::new(sink), &Monitor::new())
        .unwrap();
    let report = json!({
        "schema": "diskwright-report/1", "seed": "fuzz", "timestamp": 1_700_000_000,
        "machine": {"name": "disk", "memory": machine.memory, "cpus": 1, "firmware": "bios"},
        "disks": [{"size": size, "sector_size": 512, "table": "gpt", "id": "", "partitions": []}],
        "outputs": outputs, "edits": [],
    });
    let report = ImageReport::from_json(report.to_string().as_bytes()).unwrap();
    let mut outputs = outputs;
    outputs.sort_by_key(|output| output.role != diskwright::format::OutputRole::Descriptor);
    let files = files.lock().unwrap();
    let is_gzip = files[&outputs[0].path].starts_with(b"\x1f\x8b");
    let file = |name: &String| {
        let bytes = files[name].clone();
        (name.clone(), Base::new(if is_gzip { unpacked(&bytes) } else { bytes }))
    };
    Image { files: outputs.iter().map(|output| file(&output.path)).collect(), report, is_gzip }
}

/// What is in a gzip file of several members.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(bytes), &mut out).unwrap();
    out
}

/// A raw disk with file systems of every kind, its report and its scan.
pub(crate) struct RawDisk {
    pub(crate) base: Base,
    pub(crate) report: ImageReport,
    /// The report's JSON.
    pub(crate) json: Base,
    /// The list of what its files hold.
    pub(crate) digests: Base,
    pub(crate) tree: Arc<Tree>,
}

/// The raw disk.
pub(crate) fn raw_disk() -> &'static RawDisk {
    static DISK: OnceLock<RawDisk> = OnceLock::new();
    DISK.get_or_init(|| {
        let tree = Arc::new(Tree::rich());
        let target = diskwright::builtin_registry().unwrap().configure("raw", false, &[]).unwrap();
        let (seed, timestamp) = (Seed::from_text("fuzz"), Timestamp::from_seconds(1_700_000_000));
        let mut order = Order::new(Arc::clone(&tree) as _, vec![target], "disk", seed, timestamp);
        order.profile = Profile::from_json(PROFILE.as_bytes()).unwrap();
        let plan = Engine::new().with_threads(1).plan(&order, &Monitor::new()).unwrap();
        let json = plan.report(&order).to_json().unwrap();
        let disk = &plan.disks()[0];
        let mut bytes = vec![0; usize::try_from(disk.size()).unwrap()];
        disk.reader().read_exact_at(0, &mut bytes).unwrap();
        let mut digests = Vec::new();
        diskwright_verify::write_file_digests(plan.tree(), &mut digests, &Monitor::new()).unwrap();
        let report = ImageReport::from_json(&json).unwrap();
        RawDisk { base: Base::new(bytes), report, json: Base::new(json), digests: Base::new(digests), tree }
    })
}

const PROFILE: &str = r#"{"boot": "none", "disk_size": "80M", "partition_table": "mbr", "partitions": [
    {"mount_point": "/", "size": "8M"},
    {"mount_point": "/boot", "role": "data", "file_system": "fat32", "size": "34M", "label": "BOOT"},
    {"role": "swap", "size": "1M", "label": "pages"},
    {"mount_point": "/var", "file_system": "ext3", "size": "8M", "label": "var"},
    {"mount_point": "/many", "file_system": "ext2", "size": "8M"}]}"#;
