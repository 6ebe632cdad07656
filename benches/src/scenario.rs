use std::sync::Arc;

use diskwright::engine::{Engine, Order, OutputEntry, Report};
use diskwright::format::{Machine, TargetFormat};
use diskwright::layout::DiskLayout;
use diskwright::profile::Profile;
use diskwright::scan::ScanSource;
use diskwright::{Error, ErrorKind, Monitor, Result, Seed, Timestamp};

use crate::chunks::Chunks;
use crate::corpus::Corpus;
use crate::sink::CountingSink;

/// What is run, and what must come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The tree.
    pub corpus: Corpus,
    /// Id of the format.
    pub format: &'static str,
    /// Whether one downloadable file is asked for.
    pub compress: bool,
    /// Options of the format.
    pub options: &'static [(&'static str, &'static str)],
    /// What the order's seed is made from.
    pub seed: &'static str,
    /// What is asked of the machine: a profile's JSON form.
    pub profile: &'static str,
    /// With how many threads it is timed; what comes out does not depend on it.
    pub threads: &'static [usize],
    /// What must come out.
    pub expected: Expected,
}

/// What must come out of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Bytes of the first output: the disk's file, or the package.
    pub length: u64,
    /// Its digest: SHA-256 where it is written from front to back and compressed, else the tree digest.
    pub digest: &'static str,
}

impl Scenario {
    /// A format without options, from the seed `bench`, on a disk that does not boot, with one thread and with two.
    pub const fn new(corpus: Corpus, format: &'static str) -> Self {
        Self {
            corpus,
            format,
            compress: false,
            options: &[],
            seed: "bench",
            profile: r#"{"boot": "none"}"#,
            threads: &[1, 2],
            expected: Expected { length: 0, digest: "" },
        }
    }

    /// Sets the options.
    pub const fn with_options(self, options: &'static [(&'static str, &'static str)]) -> Self {
        Self { options, ..self }
    }

    /// Asks for one downloadable file.
    pub const fn compressed(self) -> Self {
        Self { compress: true, ..self }
    }

    /// Sets what must come out.
    pub const fn expecting(self, length: u64, digest: &'static str) -> Self {
        Self { expected: Expected { length, digest }, ..self }
    }

    /// `FORMAT/CORPUS`, as [`Scenario::format_name`].
    pub fn name(&self) -> String {
        format!("{}/{}", self.format_name(), self.corpus.name())
    }

    /// The format, with what sets it apart from others of its name: `qcow2-compressed-zstd`.
    pub fn format_name(&self) -> String {
        let options = self.options.iter().map(|(_, value)| *value);
        let compressed = self.compress.then_some("compressed");
        std::iter::once(self.format).chain(compressed).chain(options).collect::<Vec<_>>().join("-")
    }

    /// The format, configured.
    ///
    /// # Errors
    /// As [`Registry::configure`](diskwright::format::Registry::configure).
    pub fn configure(&self) -> Result<Arc<dyn TargetFormat>> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let options: Vec<(String, String)> = self.options.iter().map(owned).collect();
        diskwright::builtin_registry()?.configure(self.format, self.compress, &options)
    }

    /// Runs the scenario from its corpus to a sink that keeps nothing.
    ///
    /// # Errors
    /// The engine's.
    pub fn run(&self, threads: usize) -> Result<Report> {
        self.run_on(self.configure()?, threads)
    }

    /// As [`Scenario::run`], with a format that is not built in; `verify` then holds it against this scenario's digest.
    ///
    /// # Errors
    /// The engine's.
    pub fn run_on(&self, format: Arc<dyn TargetFormat>, threads: usize) -> Result<Report> {
        self.run_order(&self.order(Arc::new(self.corpus), format)?, threads)
    }

    /// As [`Scenario::run`], with the tree from another source.
    ///
    /// # Errors
    /// The engine's.
    pub fn run_from(&self, source: Arc<dyn ScanSource>, threads: usize) -> Result<Report> {
        self.run_order(&self.order(source, self.configure()?)?, threads)
    }

    /// Scans and decides, and writes nothing: the outputs that are planned.
    ///
    /// # Errors
    /// The engine's.
    pub fn plan_from(&self, source: Arc<dyn ScanSource>) -> Result<usize> {
        let order = self.order(source, self.configure()?)?;
        Ok(Engine::new().plan(&order, &Monitor::new())?.outputs().count())
    }

    /// The disks of the corpus, laid out.
    ///
    /// # Errors
    /// The engine's.
    pub fn disks(&self) -> Result<Vec<DiskLayout>> {
        let order = self.order(Arc::new(self.corpus), self.configure()?)?;
        Ok(Engine::new().plan(&order, &Monitor::new())?.disks().to_vec())
    }

    /// Writes finished disks in the scenario's format to a sink that keeps nothing.
    ///
    /// # Errors
    /// The engine's.
    pub fn write(&self, disks: &[DiskLayout], threads: usize) -> Result<Vec<OutputEntry>> {
        let engine = Engine::new().with_threads(threads);
        let (format, sink) = (self.configure()?, Box::new(CountingSink::new()));
        engine.write_disks(disks, format.as_ref(), &self.machine(), sink, &Monitor::new())
    }

    /// Reads finished disks, tests them for zeros and encodes their chunks as the scenario's format wants them, which are
    /// forgotten.
    ///
    /// # Errors
    /// The engine's.
    pub fn encode(&self, disks: &[DiskLayout], threads: usize) -> Result<()> {
        self.take_chunks(&Chunks::forgotten(self.encoding(disks)?), disks, threads).map(drop)
    }

    /// As [`Scenario::encode`]; the chunks are an output, back to back.
    ///
    /// # Errors
    /// The engine's.
    pub fn encode_to_output(&self, disks: &[DiskLayout], threads: usize) -> Result<Vec<OutputEntry>> {
        self.take_chunks(&Chunks::kept(self.encoding(disks)?), disks, threads)
    }

    /// Whether a report is of what must come out.
    ///
    /// # Errors
    /// The length and digest that came out instead.
    pub fn verify(&self, report: &Report) -> Result<(), String> {
        self.verify_outputs(&report.outputs)
    }

    /// As [`Scenario::verify`], from the outputs alone.
    ///
    /// # Errors
    /// The length and digest that came out instead.
    pub fn verify_outputs(&self, outputs: &[OutputEntry]) -> Result<(), String> {
        let Expected { length, digest } = self.expected;
        match outputs.first() {
            Some(output) if output.length == length && output.digest() == digest => Ok(()),
            Some(output) => {
                Err(format!("{}: length {}, digest {}", self.name(), output.length, output.digest()))
            }
            None => Err(format!("{}: no output", self.name())),
        }
    }

    /// The order: one tree, one format.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` for a profile that cannot be read.
    pub fn order(&self, source: Arc<dyn ScanSource>, format: Arc<dyn TargetFormat>) -> Result<Order> {
        let Machine { name, seed, timestamp, .. } = self.machine();
        let profile = Profile::from_json(self.profile.as_bytes())?;
        Ok(Order::new(source, vec![format], name, seed, timestamp).with_profile(profile))
    }

    /// What the engine makes of the order, as long as the profile says nothing of the machine.
    fn machine(&self) -> Machine {
        Machine::new("bench", Seed::from_text(self.seed), Timestamp::from_seconds(1))
    }

    fn run_order(&self, order: &Order, threads: usize) -> Result<Report> {
        Engine::new().with_threads(threads).run(order, Box::new(CountingSink::new()), &Monitor::new())
    }

    fn encoding(&self, disks: &[DiskLayout]) -> Result<diskwright::format::Encoding> {
        let writer = self.configure()?.plan(&self.machine(), disks)?.start()?;
        let encoding = writer.encodings.first().cloned();
        encoding.ok_or_else(|| Error::new(ErrorKind::Internal, "the format takes no disk"))
    }

    fn take_chunks(&self, chunks: &Chunks, disks: &[DiskLayout], threads: usize) -> Result<Vec<OutputEntry>> {
        let engine = Engine::new().with_threads(threads);
        engine.write_disks(disks, chunks, &self.machine(), Box::new(CountingSink::new()), &Monitor::new())
    }
}
