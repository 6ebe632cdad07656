use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, ByteSize, Profile};
use diskwright::scan::ScanSource;
use diskwright::{Monitor, Seed, Timestamp};
use diskwright_benches::{Corpus, CountingSink, Entries};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// What is measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Point {
    /// Programs to compressed QCOW2, with so many threads.
    Threads { threads: usize },
    /// A tree of so many entries, planned.
    Plan { entries: u64 },
    /// A tree of so many entries, written as a raw disk.
    Write { entries: u64 },
    /// Words on a disk of so many bytes.
    Disk { format: &'static str, size: u64 },
}

/// What a point took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Processor seconds.
    pub(crate) cpu: f64,
    /// Peak resident bytes of the process.
    pub(crate) memory: u64,
}

/// A point and what it took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) point: Point,
    pub(crate) figures: Figures,
}

impl Measured {
    pub(crate) fn is_within_memory(&self) -> bool {
        self.figures.memory <= self.point.promised_memory()
    }
}

impl Point {
    /// All points, in the order of the tables.
    pub(crate) fn all() -> Vec<Self> {
        let threads = [1, 2, 4].map(|threads| Self::Threads { threads });
        let counts = [1_000, 10_000, 100_000, 1_000_000];
        let entries =
            counts.into_iter().flat_map(|entries| [Self::Plan { entries }, Self::Write { entries }]);
        let sizes = [1 << 30, 64 << 30, 1 << 40];
        let disks = FORMATS.into_iter().flat_map(|format| sizes.map(|size| Self::Disk { format, size }));
        threads.into_iter().chain(entries).chain(disks).collect()
    }

    /// As [`Point::parse`] reads it.
    pub(crate) fn words(self) -> Vec<String> {
        match self {
            Self::Threads { threads } => vec!["threads".to_owned(), threads.to_string()],
            Self::Plan { entries } => vec!["plan".to_owned(), entries.to_string()],
            Self::Write { entries } => vec!["write".to_owned(), entries.to_string()],
            Self::Disk { format, size } => vec!["disk".to_owned(), format.to_owned(), size.to_string()],
        }
    }

    pub(crate) fn parse(words: &[&str]) -> Result<Self, Box<dyn Error>> {
        Ok(match words {
            ["threads", threads] => Self::Threads { threads: threads.parse()? },
            ["plan", entries] => Self::Plan { entries: entries.parse()? },
            ["write", entries] => Self::Write { entries: entries.parse()? },
            ["disk", format, size] => {
                let format = FORMATS.into_iter().find(|known| known == format).ok_or("no such format")?;
                Self::Disk { format, size: size.parse()? }
            }
            _ => return Err(format!("no point: {}", words.join(" ")).into()),
        })
    }

    /// Bytes that the process may take.
    pub(crate) fn promised_memory(self) -> u64 {
        let entries = match self {
            Self::Plan { entries } | Self::Write { entries } => entries,
            // The corpora have less than a hundred.
            Self::Threads { .. } | Self::Disk { .. } => 0,
        };
        (64 << 20) + 160 * entries
    }

    /// Runs it in this process.
    pub(crate) fn measure(self) -> Result<Figures, Box<dyn Error>> {
        let (source, format, compress, threads): (Arc<dyn ScanSource>, _, _, _) = match self {
            Self::Threads { threads } => (Arc::new(Corpus::Programs), "qcow2", true, threads),
            Self::Plan { entries } | Self::Write { entries } => {
                (Arc::new(Entries { count: entries }), "raw", false, 2)
            }
            Self::Disk { format, .. } => (Arc::new(Corpus::Words), format, false, 2),
        };
        let disk_size = match self {
            Self::Disk { size, .. } => Some(ByteSize::from_bytes(size)),
            _ => None,
        };
        let format = diskwright::builtin_registry()?.configure(format, compress, &[])?;
        let profile = Profile { boot: Some(BootPolicy::None), disk_size, ..Profile::default() };
        let (seed, time) = (Seed::from_text("scaling"), Timestamp::from_seconds(1));
        // What the sources' bytes are made from is made before.
        warm_up(&*source)?;
        let order = Order::new(source, vec![format], "scaling", seed, time).with_profile(profile);
        let engine = Engine::new().with_threads(threads);

        let (start, cpu) = (Instant::now(), processor_seconds());
        if let Self::Plan { .. } = self {
            std::hint::black_box(engine.plan(&order, &Monitor::new())?);
        } else {
            engine.run(&order, Box::new(CountingSink::new()), &Monitor::new())?;
        }
        let (wall, cpu) = (start.elapsed().as_secs_f64(), processor_seconds() - cpu);
        Ok(Figures { wall, cpu, memory: peak_memory()? })
    }
}

/// Reads a byte of the tree's second file.
fn warm_up(source: &dyn ScanSource) -> Result<(), Box<dyn Error>> {
    let file = source.open(diskwright::scan::SourceContent(2))?;
    if file.size() > 0 {
        file.read_exact_at(0, &mut [0])?;
    }
    Ok(())
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// `VmHWM` of this process.
fn peak_memory() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

const FORMATS: [&str; 4] = ["raw", "qcow2", "vdi", "vmdk"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_back_from_its_words() {
        for point in Point::all() {
            let words = point.words();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            assert_eq!(Point::parse(&words).unwrap(), point);
        }
        assert!(Point::parse(&["plan"]).is_err() && Point::parse(&["disk", "vhd", "1"]).is_err());
    }

    #[test]
    fn a_small_tree_is_planned_and_written_within_the_memory_promised() {
        for point in [Point::Plan { entries: 1000 }, Point::Write { entries: 1000 }] {
            let figures = point.measure().unwrap();
            assert!(Measured { point, figures }.is_within_memory(), "{figures:?}");
        }
    }
}
