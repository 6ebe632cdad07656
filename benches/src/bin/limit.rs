//! The processor time below which no one-pass generation can come: reading the tree's files once, encoding the same
//! non-zero chunks from memory with the same codec, writing as many bytes to a file and making them durable.
//!
//! `limit SOURCE DISK OUTPUT LENGTH THREADS FORMAT [compress] [KEY=VALUE …]`: SOURCE is the tree, or the archive that holds it;
//! DISK the raw disk that was made of it; FORMAT, `compress` and the options are those of the generation, whose plan says
//! the codec, its level and the size of a chunk; OUTPUT is a file that is written LENGTH bytes long, synced and removed.
//! Encoding is done by THREADS threads; reading and writing by one. Prints one JSON object: processor seconds of each
//! part and of all threads, the encoding's seconds on the clock, what was encoded to how many bytes, and how.
//!
//! Left out is all that a generation could do without: looking into directories for attributes, the zero test, hashing,
//! laying out, and waiting for the device.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use diskwright::format::{ChunkEncoder, Codec, Encoding, Machine};
use diskwright::layout::LayoutBuilder;
use diskwright::tree::{Findings, TreeBuilder};
use diskwright::{Seed, Timestamp};
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, disk, output, length, threads, format, options @ ..] = arguments.as_slice() else {
        return Err("usage: limit SOURCE DISK OUTPUT LENGTH THREADS FORMAT [compress] [KEY=VALUE …]".into());
    };
    let disk = Disk::open(Path::new(disk))?;
    let encoding = encoding(format, options, disk.size)?;
    let mut buffer = vec![0; 1 << 20];

    let start = processor_seconds();
    read_source(Path::new(source), &mut buffer)?;
    let read = processor_seconds() - start;

    let encoded = encode_disk(disk, &encoding, threads.parse()?)?;

    // The bytes written are no zeros, though no file system here would care.
    buffer.fill(0xa5);
    let start = processor_seconds();
    write_output(Path::new(output), length.parse()?, &buffer)?;
    let write = processor_seconds() - start;
    std::fs::remove_file(output)?;

    let Encoded { seconds, clock, chunks, bytes } = encoded;
    println!(
        "{{\"read\": {read:.4}, \"encode\": {seconds:.4}, \"write\": {write:.4}, \"encode_clock\": {clock:.4}, \
         \"chunks\": {chunks}, \"encoded_bytes\": {bytes}, \"codec\": \"{:?}\", \"granularity\": {}}}",
        encoding.codec, encoding.granularity
    );
    Ok(())
}

/// How the format wants a disk of `size` bytes, as its plan says.
fn encoding(format: &str, options: &[String], size: u64) -> Result<Encoding, Box<dyn Error>> {
    let (flags, options): (Vec<&String>, Vec<&String>) =
        options.iter().partition(|option| *option == "compress");
    let pair =
        |option: &&String| option.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let options: Option<Vec<(String, String)>> = options.iter().map(pair).collect();
    let options = options.ok_or("an option is KEY=VALUE")?;
    let format = diskwright::builtin_registry()?.configure(format, !flags.is_empty(), &options)?;
    let (tree, _) = TreeBuilder::new(Findings::default()).finish()?;
    let layout = LayoutBuilder::new(Arc::new(tree)).finish(size)?;
    let machine = Machine::new("limit", Seed::from_text("limit"), Timestamp::from_seconds(0));
    let writer = format.plan(&machine, &[layout])?.start()?;
    Ok(writer.encodings.into_iter().next().ok_or("the format wants no disk")?)
}

/// Reads an archive, or every regular file below a directory, once.
fn read_source(source: &Path, buffer: &mut [u8]) -> std::io::Result<()> {
    if !source.is_dir() {
        return read_file(source, buffer);
    }
    for entry in source.read_dir()? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_source(&entry.path(), buffer)?;
        } else if kind.is_file() {
            read_file(&entry.path(), buffer)?;
        }
    }
    Ok(())
}

fn read_file(path: &Path, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    while file.read(buffer)? > 0 {}
    Ok(())
}

/// A raw disk, read from front to back.
struct Disk {
    file: File,
    size: u64,
    offset: u64,
}

impl Disk {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size, offset: 0 })
    }

    /// Puts the next chunks that are not zero into `batch`, as many as there is room for; `false` at the disk's end.
    fn fill(&mut self, granularity: usize, batch: &mut Vec<u8>) -> std::io::Result<bool> {
        batch.clear();
        let (zeros, mut chunk) = (vec![0; granularity], vec![0; granularity]);
        while batch.len() + granularity <= BATCH {
            if self.offset >= self.size {
                return Ok(false);
            }
            self.file.read_exact_at(&mut chunk, self.offset)?;
            self.offset += granularity as u64;
            if chunk != zeros {
                batch.extend_from_slice(&chunk);
            }
        }
        Ok(true)
    }
}

/// What encoding took and gave.
#[derive(Default)]
struct Encoded {
    /// Processor seconds of all threads.
    seconds: f64,
    /// Seconds on the clock.
    clock: f64,
    chunks: usize,
    bytes: usize,
}

fn encode_disk(mut disk: Disk, encoding: &Encoding, threads: usize) -> Result<Encoded, Box<dyn Error>> {
    let granularity = encoding.granularity as usize;
    if !disk.size.is_multiple_of(granularity as u64) {
        return Err("the disk does not end with a whole chunk".into());
    }
    let mut encoded = Encoded::default();
    if encoding.codec == Codec::Stored {
        return Ok(encoded);
    }
    let encoders = (0..threads).map(|_| ChunkEncoder::new(&encoding.codec));
    let mut encoders: Vec<ChunkEncoder> = encoders.collect::<diskwright::Result<_>>()?;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        // What is read here stands for chunks that are in memory already: only encoding them is timed.
        let is_more = disk.fill(granularity, &mut batch)?;
        let (start, clock) = (processor_seconds(), Instant::now());
        encoded.bytes += encode_batch(&mut encoders, &batch, granularity)?;
        encoded.seconds += processor_seconds() - start;
        encoded.clock += clock.elapsed().as_secs_f64();
        encoded.chunks += batch.len() / granularity;
        if !is_more {
            return Ok(encoded);
        }
    }
}

/// Encodes the chunks of `batch`, each by whichever encoder is free; gives the bytes of all.
fn encode_batch(
    encoders: &mut [ChunkEncoder],
    batch: &[u8],
    granularity: usize,
) -> Result<usize, Box<dyn Error>> {
    let next = AtomicUsize::new(0);
    let work = |encoder: &mut ChunkEncoder| -> diskwright::Result<usize> {
        let mut len = 0;
        loop {
            let start = next.fetch_add(1, Ordering::Relaxed) * granularity;
            let Some(chunk) = batch.get(start..start + granularity) else { return Ok(len) };
            len += encoder.encode(chunk)?.0.len();
        }
    };
    let (first, others) = encoders.split_first_mut().ok_or("no threads")?;
    std::thread::scope(|scope| {
        let started: Vec<_> = others.iter_mut().map(|encoder| scope.spawn(|| work(encoder))).collect();
        let mut len = work(first)?;
        for thread in started {
            len += thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(len)
    })
}

/// Writes `len` bytes in large writes and makes them durable.
fn write_output(path: &Path, len: u64, buffer: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let mut left = len;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
        file.write_all(&buffer[..part])?;
        left -= part as u64;
    }
    file.sync_all()
}

/// Of this process, all its threads.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// As much as is in memory at a time.
const BATCH: usize = 64 << 20;
