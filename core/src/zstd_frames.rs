use std::io::{self, BufRead, Read};

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// Reads zstd frames, skippable frames left out. The input is never read past the last frame that is taken.
///
/// Memory: the frame's window, at most 128 MiB, checked before it is allocated.
pub(crate) struct ZstdFrames<R> {
    input: R,
    context: DCtx<'static>,
    which: Frames,
    place: Place,
}

/// How many frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frames {
    /// One.
    First,
    /// All, to the end of the input.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    /// After a whole frame.
    Between,
}

impl<R: BufRead> ZstdFrames<R> {
    /// A reader at the start of a frame.
    ///
    /// # Errors
    /// `OutOfMemory` when the decoder cannot be made.
    pub(crate) fn new(input: R, which: Frames) -> io::Result<Self> {
        let mut context = DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(zstd_error)?;
        Ok(Self { input, context, which, place: Place::Before })
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if self.place == Place::Between && self.which == Frames::First {
                return Ok(0);
            }
            let available = self.input.fill_buf()?;
            let at_end = available.is_empty();
            if at_end && self.place != Place::Inside {
                return Ok(0);
            }
            let mut input = InBuffer::around(available);
            let mut output = OutBuffer::around(&mut *buf);
            let hint = self.context.decompress_stream(&mut output, &mut input).map_err(zstd_error)?;
            let (consumed, produced) = (input.pos(), output.pos());
            self.input.consume(consumed);
            self.place = if hint == 0 { Place::Between } else { Place::Inside };
            if produced > 0 {
                return Ok(produced);
            }
            if consumed == 0 {
                // Nothing went in and nothing came out: only the end of the input can be the cause.
                let kind = if at_end { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
                return Err(io::Error::new(kind, "a zstd frame ends too early"));
            }
        }
    }
}

fn zstd_error(code: usize) -> io::Error {
    let name = zstd_safe::get_error_name(code);
    let kind = if name.contains("memory") { io::ErrorKind::OutOfMemory } else { io::ErrorKind::InvalidData };
    io::Error::new(kind, name)
}

/// 128 MiB.
const WINDOW_LOG: u32 = 27;
