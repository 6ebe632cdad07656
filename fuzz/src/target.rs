use std::sync::OnceLock;

use crate::random::Random;
use crate::targets::{
    container, ext, fat, guest, lint, partition, pax, profile, readers, request, sparse, tar,
};

/// How far an input came. A target of which no input comes far proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It was refused, as it may be.
    Refused,
    /// What was made or read of it was looked at as a whole.
    Whole,
}

impl Reach {
    /// Whole, if something was accepted.
    pub(crate) fn of(is_accepted: bool) -> Self {
        if is_accepted { Self::Whole } else { Self::Refused }
    }
}

/// A function that must hold for any bytes.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name, also of its corpus.
    pub name: &'static str,
    /// What it looks at.
    pub about: String,
    /// Longer inputs show nothing more.
    pub max_len: usize,
    run: Run,
    seeds: fn() -> Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
enum Run {
    Function(fn(&[u8]) -> Reach),
    /// The writer of the format of that id.
    Writer(&'static str),
}

impl Target {
    /// Every target: those of the list, and one of the writer of each format that is registered.
    pub fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Target>> = OnceLock::new();
        ALL.get_or_init(|| {
            let listed = LISTED.iter().map(|&(name, about, max_len, run, seeds)| {
                let (about, run) = (about.to_owned(), Run::Function(run));
                Self { name, about, max_len, run, seeds }
            });
            listed.chain(container::formats().map(Self::of_writer)).collect()
        })
    }

    /// The target of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|target| target.name == name)
    }

    fn of_writer(id: &'static str) -> Self {
        let about = format!("the writer of {id}, against a model of the disk");
        Self { name: id, about, max_len: 2 << 10, run: Run::Writer(id), seeds: Random::inputs }
    }

    /// Whether it is one of a format's writer.
    pub fn is_of_a_writer(&self) -> bool {
        matches!(self.run, Run::Writer(_))
    }

    /// Says how far the input comes.
    ///
    /// # Panics
    /// Where something does not hold.
    pub fn run(&self, bytes: &[u8]) -> Reach {
        match self.run {
            Run::Function(run) => run(bytes),
            Run::Writer(id) => container::run(id, bytes),
        }
    }

    /// Inputs to begin with, made by the code that writes such files, or at random.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }
}

/// Name, what it looks at, the longest input, the function, and inputs to begin with.
type Listed = (&'static str, &'static str, usize, fn(&[u8]) -> Reach, fn() -> Vec<Vec<u8>>);

const LISTED: &[Listed] = &[
    ("tar", "archives as bytes, with checksums made true", 16 << 10, tar::plain, tar::seeds),
    ("tar-packed", "archives packed with gzip, zstd, xz and bzip2", 4 << 10, tar::packed, tar::packed_seeds),
    ("tar-pax", "members and extended headers that contradict each other", 4 << 10, pax::run, Random::inputs),
    ("tar-sparse", "sparse members in four forms, against their maps", 512, sparse::run, Random::inputs),
    ("request", "the API's documents; written and read again", 8 << 10, request::run, request::seeds),
    (
        "profile",
        "profiles and machine reports; written, read again and resolved",
        8 << 10,
        profile::run,
        profile::seeds,
    ),
    (
        "guest",
        "the guest's own files with anything in them, read and edited",
        8 << 10,
        guest::run,
        Random::inputs,
    ),
    ("ext", "ext2, ext3 and ext4 of any entries, verified", 4 << 10, ext::run, Random::inputs),
    ("fat", "names on FAT32, verified", 4 << 10, fat::run, Random::inputs),
    (
        "partition",
        "lists of partitions on disks of any size, verified",
        2 << 10,
        partition::run,
        Random::inputs,
    ),
    ("lint", "the linter's readers", 4 << 10, lint::run, lint::seeds),
    ("verify-container", "the verifier's readers of containers", 2 << 10, readers::container, Random::inputs),
    (
        "verify-disk",
        "the verifier's readers of partition tables and file systems",
        2 << 10,
        readers::disk,
        Random::inputs,
    ),
    (
        "verify-report",
        "the verifier's readers of reports and lists of digests",
        2 << 10,
        readers::report,
        Random::inputs,
    ),
];
