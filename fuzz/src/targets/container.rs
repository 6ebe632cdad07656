//! Every format's writer: a disk is written, read back by the verifier's own readers and compared with its model.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use arbitrary::{Arbitrary, Unstructured};
use diskwright::engine::{Engine, OutputEntry};
use diskwright::format::{Firmware, FormatEntry, Machine, OptionValues, OutputRole, Registry, TargetFormat};
use diskwright::partition::SectorSize;
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Error, ErrorKind, Files, Monitor, Seed, Timestamp};
use diskwright_verify::{ImageReport, Verifier};
use serde_json::json;

use crate::disk::{Extent, Model};
use crate::target::Reach;

#[derive(Arbitrary, Debug)]
struct Input {
    compress: bool,
    /// Which option, and which of its values.
    options: Vec<(u8, u32)>,
    machine: MachineInput,
    extents: Vec<Extent>,
    /// The hole behind the last extent: `tail << shift` bytes.
    tail: u16,
    shift: u8,
    /// Whether the size is of any number of bytes.
    is_odd: Rarely,
}

/// What most formats refuse: true for one value in eight.
#[derive(Arbitrary, Debug)]
struct Rarely(u8);

impl Rarely {
    fn is_so(&self) -> bool {
        self.0 % 8 == 7
    }
}

#[derive(Arbitrary, Debug)]
struct MachineInput {
    name: Name,
    memory: u64,
    cpus: u32,
    is_large: Rarely,
    is_uefi: bool,
    system: [Vec<u8>; 3],
    architecture: u8,
    is_of_4096: Rarely,
    seed: u8,
    timestamp: i64,
}

#[derive(Arbitrary, Debug)]
struct Name {
    bytes: Vec<u8>,
    /// Whether it may have any characters; nothing is written then.
    is_any: Rarely,
}

/// The bytes as an order for that format.
pub(crate) fn run(id: &str, bytes: &[u8]) -> Reach {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    let Some(entry) = registry().find(id) else { panic!("no format {id}") };
    let format = match configure(entry, &input) {
        Ok(format) => format,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
            return Reach::Refused;
        }
    };
    let machine = machine(&input.machine);
    let model = model(id, is_packed(entry, &input), &input);
    let layout = model.layout();
    if let Err(error) = format.plan(&machine, std::slice::from_ref(&layout)) {
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
        return Reach::Refused;
    }
    if input.machine.name.is_any.is_so() {
        return Reach::Refused;
    }
    let folder = tempfile::tempdir().unwrap();
    let sink = Box::new(DirectorySink::create(Files::default(), folder.path(), Overwrite::Refuse).unwrap());
    let engine = Engine::new().with_threads(1);
    let written = engine.write_disks(&[layout], format.as_ref(), &machine, sink, &Monitor::new());
    let outputs = written.unwrap_or_else(|error| panic!("planned, and not written: {error}"));
    read_back(&outputs, &machine, &model, folder.path());
    Reach::Whole
}

fn read_back(outputs: &[OutputEntry], machine: &Machine, model: &Model, folder: &Path) {
    let report = json!({
        "schema": "diskwright-report/1",
        "seed": machine.seed.text(),
        "timestamp": machine.timestamp.seconds,
        "machine": {
            "name": machine.name, "memory": machine.memory, "cpus": machine.cpus, "firmware": machine.firmware,
        },
        "disks": [{
            "size": model.size, "sector_size": machine.sector_size.bytes(), "table": "gpt", "id": "", "partitions": [],
        }],
        "outputs": outputs,
        "edits": [],
    });
    let report = ImageReport::from_json(report.to_string().as_bytes()).unwrap();
    let verifier = Verifier::new(report);
    let main = outputs.iter().find(|output| output.role == OutputRole::Descriptor).unwrap_or(&outputs[0]);
    let path = folder.join(&main.path);
    let (disk, outcome) = verifier
        .open(&path)
        .unwrap_or_else(|error| panic!("not read: {error}: {:?}", std::error::Error::source(&error)));
    assert!(outcome.is_clean(), "{:#?}", outcome.findings);
    model.compare(disk.as_ref());
    for output in outputs {
        match diskwright_lint::lint(&folder.join(&output.path)) {
            Ok(report) => assert!(!report.has_errors(), "{}: {:#?}", output.path, report.findings),
            // Whatever a raw disk, or the extent of a flat one, begins with may be of no kind.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                let is_plain = output.path.ends_with(".raw") || output.path.ends_with("-flat.vmdk");
                assert!(is_plain, "{}: {error}", output.path);
            }
        }
    }
}

/// The ids of all formats.
pub(crate) fn formats() -> impl Iterator<Item = &'static str> {
    registry().entries().iter().map(|entry| entry.info.id)
}

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| diskwright::builtin_registry().unwrap())
}

/// The format with options of its own table.
fn configure(entry: &FormatEntry, input: &Input) -> Result<Arc<dyn TargetFormat>, Error> {
    let specs = entry.info.options;
    let mut options: Vec<(String, String)> = Vec::new();
    for (which, value) in input.options.iter().take(3) {
        let Some(spec) = specs.get(usize::from(*which) % specs.len().max(1)) else { break };
        let number = u64::from(*value);
        let value = match spec.values {
            OptionValues::Choice(choices) => choices[*value as usize % choices.len()].to_owned(),
            // The hardest levels take their time, and find nothing else.
            OptionValues::Integer { min, max } => {
                (min + i64::from(*value) % (max.min(9) - min + 1)).to_string()
            }
            OptionValues::PowerOfTwo { min, max } => {
                let powers = u64::from(max.ilog2() - min.ilog2() + 1);
                (min << (number % powers)).to_string()
            }
            // Names that products know: they are not ours to check.
            OptionValues::Word => continue,
        };
        options.retain(|(key, _)| key != spec.key);
        options.push((spec.key.to_owned(), value));
    }
    registry().configure(entry.info.id, is_packed(entry, input), &options)
}

/// Whether what is asked for is the packed form: some formats have no other, some have none.
fn is_packed(entry: &FormatEntry, input: &Input) -> bool {
    let has_plain = registry().configure(entry.info.id, false, &[]).is_ok();
    entry.info.compressed.is_some() && (input.compress || !has_plain)
}

fn machine(input: &MachineInput) -> Machine {
    let name = match input.name.is_any.is_so() {
        false => plain_name(&input.name.bytes),
        true => String::from_utf8_lossy(&input.name.bytes).into_owned(),
    };
    let is_large = input.is_large.is_so();
    // Archives hold those from 1970 on, for a while.
    let timestamp = if is_large { input.timestamp } else { input.timestamp.rem_euclid(1 << 32) };
    let seed = Seed::from_text(format!("seed {}", input.seed));
    let mut machine = Machine::new(name, seed, Timestamp::from_seconds(timestamp));
    // Memory is of whole MiB, from 4 MiB to 16 TiB, and there are up to 512 processors; products take less.
    machine.memory =
        if is_large { 4 + input.memory % ((16 << 20) - 3) } else { 4 * (input.memory % 4096 + 1) } << 20;
    machine.cpus = 1 + input.cpus % if is_large { 512 } else { 8 };
    machine.firmware = if input.is_uefi { Firmware::Uefi } else { Firmware::Bios };
    let [id, version, architecture] =
        input.system.each_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let architecture = match input.architecture % 8 {
        0 => architecture,
        1..4 => "i686".to_owned(),
        4 => String::new(),
        _ => "x86_64".to_owned(),
    };
    machine.operating_system = diskwright::format::OperatingSystem { id, version, architecture };
    machine.sector_size = if input.is_of_4096.is_so() { SectorSize::Bytes4096 } else { SectorSize::Bytes512 };
    machine
}

fn plain_name(bytes: &[u8]) -> String {
    const CHARACTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    let name =
        bytes.iter().take(64).map(|byte| char::from(CHARACTERS[usize::from(*byte) % CHARACTERS.len()]));
    let name: String = name.collect();
    // A name is not empty, and no file begins with a dot.
    if name.is_empty() || name.starts_with('.') { "disk".to_owned() } else { name }
}

fn model(id: &str, compress: bool, input: &Input) -> Model {
    let tail = u64::from(input.tail) << (input.shift % 20);
    let sector = if input.machine.is_of_4096.is_so() { 4096 } else { 512 };
    let unit = match (id, input.is_odd.is_so()) {
        (_, true) => 1,
        ("gce", _) => 1 << 30,
        ("vhdx", _) => 4096,
        ("vmdk" | "vmware" | "vagrant", _) => 64 << 10,
        ("vhd" | "vdi" | "virtualbox", _) => 1 << 20,
        (_, false) => sector,
    };
    // Where each byte of a hole is packed, holes are small.
    let max_size = match (id, compress) {
        ("raw" | "vhd" | "vhdx", true) => 8 << 20,
        ("vhd" | "vhdx" | "vmdk" | "vmware", false) | ("gce", _) => 3 << 30,
        _ => 8 << 30,
    };
    // The least that a VHDX holds.
    let tail = if id == "vhdx" { tail.max(3 << 20) } else { tail };
    Model::new(&input.extents, tail, max_size, unit)
}
