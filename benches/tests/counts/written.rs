//! Each byte of an output is written once, patched heads too, and the report counts them all.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use diskwright::engine::{Engine, Report};
use diskwright::format::OutputSpec;
use diskwright::sink::{DirectorySink, Output, Overwrite, Sink};
use diskwright::{FileOp, Files, Gate, Monitor, Result};
use diskwright_benches::{Corpus, Scenario, Stage};

use crate::ranges::{Covered, Ranges};

#[test]
fn each_byte_of_every_output_is_written_once_and_counted() {
    for scenario in Stage::WriteFormat.scenarios() {
        let sink = RecordingSink::default();
        let report = run(&scenario, Box::new(sink.clone()));
        let name = scenario.name();
        let written = sink.writes.covered();
        let lengths = sink.lengths.lock().unwrap();
        for (output, covered) in &written {
            assert!(covered.is_once(), "{name}: {output}: {} of {}", covered.moved, covered.bytes());
            let end = covered.union.last().map_or(0, |range| range.1);
            assert!(end <= lengths[output], "{name}: {output} ends at {}", lengths[output]);
        }
        assert_eq!(report.run.bytes_written, of_outputs(&written), "{name}");
        for output in &report.outputs {
            assert_eq!(lengths[&output.path], output.length, "{name}: {}", output.path);
        }
    }
}

#[test]
fn streams_are_written_to_the_last_byte() {
    let is_stream = |one: &&Scenario| one.compress && matches!(one.format, "raw" | "vmdk");
    for scenario in Stage::WriteFormat.scenarios().iter().filter(is_stream) {
        let report = run(scenario, Box::new(RecordingSink::default()));
        assert_eq!(report.run.bytes_written, report.outputs[0].length, "{}", scenario.name());
    }
}

#[test]
fn each_byte_goes_to_its_file_once() {
    for corpus in [Corpus::Words, Corpus::Sparse] {
        for (format, compress) in [("raw", false), ("qcow2", true), ("vmdk", true), ("virtualbox", true)] {
            let scenario = Scenario { compress, ..Scenario::new(corpus, format) };
            let writes = Ranges::default();
            let files = Files::gated(Arc::new(WriteGate(writes.clone())));
            let room = tempfile::tempdir().unwrap();
            let sink = DirectorySink::create(files, room.path().join("out"), Overwrite::Refuse).unwrap();
            let report = run(&scenario, Box::new(sink));
            let written = writes.covered();
            assert!(written.values().all(Covered::is_once), "{}", scenario.name());
            assert_eq!(report.run.bytes_written, of_outputs(&written), "{}", scenario.name());
        }
    }
}

fn run(scenario: &Scenario, sink: Box<dyn Sink>) -> Report {
    let order = scenario.order(Arc::new(scenario.corpus), scenario.configure().unwrap()).unwrap();
    Engine::new().with_threads(3).run(&order, sink, &Monitor::new()).unwrap()
}

/// Bytes of all outputs, the report left out.
fn of_outputs(written: &BTreeMap<String, Covered>) -> u64 {
    let outputs = written.iter().filter(|(name, _)| !name.ends_with(Report::FILE_NAME));
    outputs.map(|(_, covered)| covered.moved).sum()
}

/// Notes what each output gets, and keeps nothing.
#[derive(Clone, Default)]
struct RecordingSink {
    writes: Ranges,
    lengths: Arc<Mutex<BTreeMap<String, u64>>>,
}

struct RecordingOutput {
    name: String,
    sink: RecordingSink,
}

impl Sink for RecordingSink {
    fn create(&mut self, spec: &OutputSpec) -> Result<Box<dyn Output>> {
        Ok(Box::new(RecordingOutput { name: spec.name.clone(), sink: self.clone() }))
    }

    fn commit(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

impl Output for RecordingOutput {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.sink.writes.note(&self.name, offset, bytes.len() as u64);
        Ok(())
    }

    fn finish(self: Box<Self>, len: u64) -> io::Result<()> {
        self.sink.lengths.lock().unwrap().insert(self.name, len);
        Ok(())
    }
}

/// Notes what is written to every file on this machine.
struct WriteGate(Ranges);

impl Gate for WriteGate {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        if let FileOp::WriteAt { path, offset, bytes } = op {
            self.0.note(&path.to_string_lossy(), *offset, bytes.len() as u64);
        }
        Ok(usize::MAX)
    }
}
