//! The processor time below which no one-pass generation can come: reading the tree's files once, encoding the same
//! non-zero chunks from memory with the same codec, writing an output of the same size.
//!
//! `limit TREE DISK CODEC LEVEL CHUNK OUTPUT`: CODEC is `stored`, `deflate` (window 4 KiB), `zlib`, `gzip` or `zstd`; CHUNK
//! is in bytes; OUTPUT is written as long as the encoded chunks are, synced and removed. Prints one JSON object of
//! processor seconds, of one thread.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor};
use rustix::time::{ClockId, clock_gettime};
use zstd_safe::{CCtx, CParameter};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tree, disk, codec, level, chunk, output] = arguments.as_slice() else {
        return Err("usage: limit TREE DISK CODEC LEVEL CHUNK OUTPUT".into());
    };
    let mut encoder = Encoder::new(codec, level.parse()?)?;
    let mut buffer = vec![0; 1 << 20];

    let start = processor_seconds();
    read_files(Path::new(tree), &mut buffer)?;
    let read = processor_seconds() - start;

    let chunk: usize = chunk.parse()?;
    let disk = File::open(disk)?;
    let (mut encode, mut len) = (0.0, 0_u64);
    let mut batch = Vec::with_capacity(BATCH);
    let mut out = vec![0; chunk * 2];
    let mut offset = 0;
    loop {
        // What is read here stands for chunks that are in memory already: only encoding them is timed.
        let is_last = fill(&disk, &mut offset, chunk, &mut batch)?;
        let start = processor_seconds();
        for chunk in batch.chunks(chunk) {
            len += encoder.encode(chunk, &mut out)? as u64;
        }
        encode += processor_seconds() - start;
        if is_last {
            break;
        }
    }

    let start = processor_seconds();
    write_output(Path::new(output), len, &buffer)?;
    let write = processor_seconds() - start;
    std::fs::remove_file(output)?;
    println!(
        "{{\"read\": {read:.3}, \"encode\": {encode:.3}, \"write\": {write:.3}, \"encoded_bytes\": {len}}}"
    );
    Ok(())
}

/// Reads every regular file below `directory` once, and tests it for zeros.
fn read_files(directory: &Path, buffer: &mut [u8]) -> std::io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_files(&entry.path(), buffer)?;
        } else if kind.is_file() {
            let mut file = File::open(entry.path())?;
            loop {
                let len = file.read(buffer)?;
                if len == 0 {
                    break;
                }
                for chunk in buffer[..len].chunks(1 << 16) {
                    std::hint::black_box(is_zero(chunk));
                }
            }
        }
    }
    Ok(())
}

/// Fills `batch` with the chunks from `offset` on that are not zero; `true` at the disk's end.
fn fill(disk: &File, offset: &mut u64, chunk: usize, batch: &mut Vec<u8>) -> std::io::Result<bool> {
    let size = disk.metadata()?.len();
    batch.clear();
    let mut bytes = vec![0; chunk];
    while batch.len() + chunk <= BATCH {
        if *offset >= size {
            return Ok(true);
        }
        bytes.fill(0);
        let len = usize::try_from(size - *offset).unwrap_or(chunk).min(chunk);
        disk.read_exact_at(&mut bytes[..len], *offset)?;
        *offset += chunk as u64;
        if !is_zero(&bytes) {
            batch.extend_from_slice(&bytes);
        }
    }
    Ok(false)
}

fn is_zero(bytes: &[u8]) -> bool {
    let (blocks, tail) = bytes.as_chunks::<256>();
    blocks.iter().all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
        && tail.iter().all(|byte| *byte == 0)
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

enum Encoder {
    Stored,
    Deflate(Box<Compress>),
    Zlib(Compressor),
    Gzip(Compressor),
    Zstd(CCtx<'static>),
}

impl Encoder {
    fn new(codec: &str, level: u8) -> Result<Self, Box<dyn Error>> {
        let compressor = || CompressionLvl::new(i32::from(level)).map(Compressor::new);
        Ok(match codec {
            "stored" => Self::Stored,
            "deflate" => {
                let level = Compression::new(u32::from(level));
                Self::Deflate(Box::new(Compress::new_with_window_bits(level, false, 12)))
            }
            "zlib" => Self::Zlib(compressor().map_err(|_| "no such level")?),
            "gzip" => Self::Gzip(compressor().map_err(|_| "no such level")?),
            "zstd" => {
                let mut context = CCtx::create();
                let set = context.set_parameter(CParameter::CompressionLevel(i32::from(level)));
                set.map_err(zstd_safe::get_error_name)?;
                Self::Zstd(context)
            }
            other => return Err(format!("no such codec: {other}").into()),
        })
    }

    /// Bytes that `chunk` is encoded to; those of the chunk where it does not become smaller.
    fn encode(&mut self, chunk: &[u8], out: &mut [u8]) -> Result<usize, Box<dyn Error>> {
        let len = match self {
            Self::Stored => chunk.len(),
            Self::Deflate(compress) => {
                compress.reset();
                compress.compress(chunk, out, FlushCompress::Finish)?;
                usize::try_from(compress.total_out())?
            }
            Self::Zlib(compressor) => compressor.zlib_compress(chunk, out)?,
            Self::Gzip(compressor) => compressor.gzip_compress(chunk, out)?,
            Self::Zstd(context) => context.compress2(out, chunk).map_err(zstd_safe::get_error_name)?,
        };
        Ok(len.min(chunk.len()))
    }
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

const BATCH: usize = 64 << 20;
