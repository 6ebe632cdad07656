//! Raw disks, plain and packed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::bytes::{first_nonzero, len64};
use crate::disk::Disk;
use crate::finding::Findings;

/// A file of the host, whose holes are known to be zero.
#[derive(Debug)]
pub(crate) struct HostFile {
    file: File,
    size: u64,
}

impl HostFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |error| {
            let error = Error::new(ErrorKind::Source, "the image cannot be opened").with_source(error);
            error.with_path(path.as_os_str().as_encoded_bytes())
        };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            let error = Error::new(ErrorKind::Unsupported, "the image is no regular file");
            return Err(error.with_path(path.as_os_str().as_encoded_bytes()));
        }
        Ok(Self { size: about.len(), file })
    }
}

impl ReadAt for HostFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }
}

impl Disk for HostFile {
    fn next_data(&self, from: u64) -> u64 {
        match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(from)) {
            Ok(data) => data,
            // No data from there on.
            Err(rustix::io::Errno::NXIO) => self.size.max(from),
            Err(_) => from,
        }
    }
}

/// A packed disk, unpacked into a file without a name beside it, sparsely.
///
/// # Errors
/// `ErrorKind::Source` when the stream is damaged or cut off, or there is no room.
pub(super) fn unpack(packed: &HostFile, path: &Path, findings: &mut Findings) -> Result<Arc<dyn Disk>> {
    let failed = |text: &'static str| {
        move |error: io::Error| {
            let error = Error::new(ErrorKind::Source, text).with_source(error);
            error.with_path(path.as_os_str().as_encoded_bytes())
        }
    };
    let mut stream = &packed.file;
    stream.seek(SeekFrom::Start(0)).map_err(failed("the image cannot be read"))?;
    let mut magic = [0; 2];
    packed.file.read_exact_at(&mut magic, 0).map_err(failed("the image cannot be read"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let spool = tempfile::tempfile_in(folder).or_else(|_| tempfile::tempfile());
    let mut spool = spool.map_err(failed("there is no place to unpack the image"))?;
    let damaged = failed("the image cannot be unpacked");
    let size = if magic == [0x1f, 0x8b] {
        unpack_members(packed, &mut spool, findings).map_err(&damaged)?
    } else {
        let mut decoder = ZstdReader::new(io::BufReader::with_capacity(PIECE, stream)).map_err(&damaged)?;
        spool_sparsely(&mut decoder, &mut spool, 0).map_err(&damaged)?
    };
    spool.set_len(size).map_err(failed("there is no room to unpack the image"))?;
    Ok(Arc::new(HostFile { file: spool, size }))
}

/// Unpacks the members of a gzip file; gives the size of all. Their headers say nothing but that they are gzip.
///
/// # Reference
/// RFC 1952 §2.2, §2.3.
fn unpack_members(packed: &HostFile, to: &mut File, findings: &mut Findings) -> io::Result<u64> {
    let mut stream = io::BufReader::with_capacity(PIECE, &packed.file);
    stream.seek(SeekFrom::Start(0))?;
    let mut size = 0;
    loop {
        let at = stream.stream_position()?;
        if at >= packed.size {
            return Ok(size);
        }
        let mut header = [0; 10];
        packed.read_exact_at(at, &mut header)?;
        // XFL tells of the level: 0, 2 or 4.
        let is_plain = matches!(header, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0 | 2 | 4, 0xff]);
        if !is_plain {
            let found = crate::bytes::hex(&header);
            findings.add("gzip", "gzip member", Some(at), "a header without time, name and system", found);
        }
        size = spool_sparsely(&mut flate2::bufread::GzDecoder::new(&mut stream), to, size)?;
    }
}

/// Writes all but zeros from `start` on; gives where it ends.
fn spool_sparsely(from: &mut dyn Read, to: &mut File, start: u64) -> io::Result<u64> {
    let mut piece = vec![0; PIECE];
    let mut size = start;
    loop {
        let mut filled = 0;
        while let Some(room) = piece.get_mut(filled..).filter(|room| !room.is_empty()) {
            match from.read(room)? {
                0 => break,
                read => filled = filled.saturating_add(read),
            }
        }
        let part = piece.get(..filled).unwrap_or_default();
        if part.is_empty() {
            return Ok(size);
        }
        if first_nonzero(part).is_some() {
            to.seek(SeekFrom::Start(size))?;
            to.write_all(part)?;
        }
        size = size.saturating_add(len64(filled));
    }
}

/// Frames of zstd, one after the other, as one stream.
struct ZstdReader<R> {
    from: R,
    context: zstd_safe::DCtx<'static>,
    /// Whether a frame has begun and not ended.
    is_inside: bool,
}

impl<R: io::BufRead> ZstdReader<R> {
    fn new(from: R) -> io::Result<Self> {
        let mut context = zstd_safe::DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        let window = zstd_safe::DParameter::WindowLogMax(MAX_WINDOW_LOG);
        context.set_parameter(window).map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))?;
        Ok(Self { from, context, is_inside: false })
    }
}

impl<R: io::BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let available = self.from.fill_buf()?;
            if available.is_empty() {
                return if self.is_inside { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(0) };
            }
            let mut input = zstd_safe::InBuffer::around(available);
            let mut output = zstd_safe::OutBuffer::around(&mut *buf);
            let left = self.context.decompress_stream(&mut output, &mut input);
            let left = left.map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))?;
            self.is_inside = left != 0;
            let (read, written) = (input.pos(), output.pos());
            self.from.consume(read);
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

const PIECE: usize = 64 * 1024;
/// 128 MiB: what the zstd program takes by default.
const MAX_WINDOW_LOG: u32 = 27;
