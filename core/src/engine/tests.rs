use std::path::Path;
use std::sync::Mutex;
use std::thread::ThreadId;

use serde_json::Value;

use super::*;
use crate::format::{
    Access, Codec, Encoding, FormatInfo, Hardware, ImagePlan, ImageWriter, OutputRole, TargetFormat,
};
use crate::initramfs::CpioWriter;
use crate::pipeline::{Placer, Run};
use crate::profile::{BootPolicy, ByteSize, Profile};
use crate::scan::{
    Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent, TarSource,
};
use crate::sink::MemorySink;
use crate::{BytesReader, Files, ReadAt, Seed, Timestamp};

const SCHEMA: &str = include_str!("../../../docs/report.schema.json");
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/valid/small-machine.tar");

/// Writes each disk as it is to `NAME.plain`.
#[derive(Debug)]
struct Plain;

const INFO: FormatInfo = FormatInfo {
    id: "plain",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".plain",
    compressed: None,
    qemu: Some("raw"),
    options: &[],
};

impl TargetFormat for Plain {
    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware::default()
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let size_bound = disks[0].size();
        let name = format!("{}.plain", machine.name);
        let spec = OutputSpec { name, role: OutputRole::Disk, size_bound, access: Access::Stream };
        Ok(Box::new(PlainPlan([spec])))
    }
}

struct PlainPlan([OutputSpec; 1]);

impl ImagePlan for PlainPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.0
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encodings = vec![Encoding { granularity: 65_536, codec: Codec::Stored }];
        Ok(ImageWriter { encodings, assembler: Box::new(PlainWriter(self.0[0].size_bound)) })
    }
}

struct PlainWriter(u64);

impl crate::format::Assembler for PlainWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        to.write(disk, run.offset(), run.bytes())
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        to.extend_to(0, self.0)
    }
}

pub(super) fn order(targets: usize) -> Order {
    let spool = std::env::temp_dir();
    let scan = TarSource::new(&Files::default(), Path::new(FIXTURE), &spool).unwrap();
    let targets = (0..targets).map(|_| Arc::new(Plain) as Arc<dyn TargetFormat>).collect();
    let disk_size = Some(ByteSize::from_bytes(48 << 20));
    let profile = Profile {
        boot: Some(BootPolicy::None),
        disk_size,
        swap_size: Some(ByteSize::from_bytes(0)),
        ..Profile::default()
    };
    Order::new(Arc::new(scan), targets, "small", Seed::from_text("report"), Timestamp::from_seconds(7))
        .with_profile(profile)
}

/// Checks `value` against what the committed schema uses of JSON Schema; says where it does not fit.
fn check(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return check(value, root.pointer(pointer).ok_or(reference)?, root, at);
    }
    let allowed = schema["enum"].as_array().is_none_or(|allowed| allowed.contains(value));
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    let fits = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    let kind = match &schema["type"] {
        Value::String(kind) => fits(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(fits),
        _ => true,
    };
    if !(allowed && constant && kind) {
        return Err(format!("{at}: {value} does not fit {schema}"));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let has_all = |choice: &&Value| {
            let required = choice["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required.into_iter().all(|field| value.get(field).is_some())
        };
        let fitting = choices.iter().filter(has_all).count();
        if fitting != 1 {
            return Err(format!("{at}: {fitting} of the choices fit, not one"));
        }
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        value.get(required).ok_or(format!("{at}.{required} is missing"))?;
    }
    for (key, member) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) => check(member, schema, root, &format!("{at}.{key}"))?,
            (None, Value::Bool(true)) => {}
            (None, _) => return Err(format!("{at}.{key} is not in the schema")),
        }
    }
    for element in value.as_array().into_iter().flatten() {
        check(element, &schema["items"], root, &format!("{at}[]"))?;
    }
    Ok(())
}

#[test]
fn the_report_is_what_its_schema_says() {
    let mut order = order(1);
    // Something to edit, and something to warn of: the fixture has no kernel.
    order.flags.hostname = Some("renamed".to_owned());
    order.flags.boot = Some(BootPolicy::Optional);
    let report =
        Engine::new().with_threads(2).run(&order, Box::new(MemorySink::new()), &Monitor::new()).unwrap();
    let report: Value = serde_json::from_slice(&report.to_json().unwrap()).unwrap();
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    check(&report, &schema, &schema, "report").unwrap();
    assert!(
        !report["edits"].as_array().unwrap().is_empty() && !report["warnings"].as_array().unwrap().is_empty()
    );
    let verdicts = report["readiness"]["predictions"].as_array().unwrap();
    assert!(!verdicts.is_empty() && verdicts.iter().all(|one| one["verdict"] == "does-not-boot"));
    let mut broken = report.clone();
    broken["outputs"][0]["length"] = "many".into();
    assert!(check(&broken, &schema, &schema, "report").is_err());
    for (field, digest) in [("sha256", Value::from("00")), ("tree_digest", Value::Null)] {
        let mut broken = report.clone();
        let output = broken["outputs"][0].as_object_mut().unwrap();
        output.remove(field);
        output.extend((!digest.is_null()).then(|| (field.to_owned(), digest)));
        assert!(
            check(&broken, &schema, &schema, "report").is_err(),
            "one digest, not two and not none: {field}"
        );
    }
    let plan = Engine::new().plan(&order, &Monitor::new()).unwrap().report(&order).to_json().unwrap();
    check(&serde_json::from_slice(&plan).unwrap(), &schema, &schema, "plan").unwrap();
}

#[test]
fn a_plan_names_what_a_run_writes() {
    let (order, engine) = (order(1), Engine::new());
    let plan = engine.plan(&order, &Monitor::new()).unwrap();
    let planned: Vec<String> = plan.outputs().map(|(_, spec)| spec.name.clone()).collect();
    let sink = MemorySink::new();
    let outputs = sink.outputs();
    let report = engine.run(&order, Box::new(sink), &Monitor::new()).unwrap();
    assert_eq!(planned, ["small.plain"]);
    assert_eq!(
        serde_json::to_value(&plan.report(&order).disks).unwrap(),
        serde_json::to_value(&report.disks).unwrap()
    );
    let outputs = outputs.lock().unwrap();
    let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
    assert_eq!(names, ["report.json", "small.plain"]);
    assert_eq!(outputs["small.plain"].len() as u64, report.outputs[0].length);
}

#[test]
fn targets_that_would_write_one_file_are_told_apart_or_refused() {
    let error = Engine::new().plan(&order(2), &Monitor::new()).err().unwrap();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidProfile, Some("targetFormat")));
    let none = Engine::new().plan(&order(0), &Monitor::new()).err().unwrap();
    assert_eq!(none.field(), Some("targetFormat"));
}

#[test]
fn a_cancelled_order_leaves_nothing() {
    let monitor = Monitor::new();
    monitor.cancel();
    let sink = MemorySink::new();
    let outputs = sink.outputs();
    let error = Engine::new().run(&order(1), Box::new(sink), &monitor).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(outputs.lock().unwrap().is_empty());
}

/// A kernel and its initial RAM disk; who opens the latter is noted.
struct Booting {
    initrd: Arc<[u8]>,
    opened_by: Mutex<Vec<ThreadId>>,
}

impl ScanSource for Booting {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        for (number, path, size) in
            [(0, "./boot/vmlinuz-6.1", 1), (1, "./boot/initrd.img-6.1", self.initrd.len())]
        {
            let object = EntryObject::File { content: SourceContent(number), size: size as u64, data: None };
            let attributes = Attributes { mode: 0o644, ..Attributes::default() };
            visitor.entry(Entry { path: path.as_bytes().to_vec(), object, attributes })?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        if content == SourceContent(0) {
            return Ok(Arc::new(BytesReader(Arc::from(&b"k"[..]))));
        }
        self.opened_by.lock().unwrap().push(std::thread::current().id());
        Ok(Arc::new(BytesReader(Arc::clone(&self.initrd))))
    }
}

#[test]
fn initial_ram_disks_are_read_by_another_thread_where_there_are_two() {
    let mut archive = CpioWriter::new(0);
    archive.file(b"init", b"#!/bin/sh");
    let initrd: Arc<[u8]> = archive.finish().into();
    let own = std::thread::current().id();
    let mut told = Vec::new();
    for threads in [1, 2] {
        let source = Arc::new(Booting { initrd: Arc::clone(&initrd), opened_by: Mutex::default() });
        let mut order = order(1);
        order.scans = vec![Arc::<Booting>::clone(&source)];
        order.flags.boot = Some(BootPolicy::Optional);
        let plan = Engine::new().with_threads(threads).plan(&order, &Monitor::new()).unwrap();
        told.push(serde_json::to_value(&plan.report(&order).readiness).unwrap());
        let opened_by = source.opened_by.lock().unwrap();
        assert_eq!(opened_by.iter().map(|by| *by == own).collect::<Vec<_>>(), [threads == 1]);
    }
    assert_eq!(told[0], told[1]);
}
