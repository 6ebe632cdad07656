//! zstd, frame by frame.

use diskwright_core::{ReadAt, Result};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use crate::bytes::le32;
use crate::rules::zstd as rules;

use super::{Broken, Input, Step};

/// Unpacks a series of frames.
///
/// # Reference
/// RFC 8878 3.1.
pub(super) struct Decoder<'a> {
    input: Input<'a>,
    context: DCtx<'static>,
    at: Place,
    trailing: Option<Broken>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    InFrame,
    End,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(source: &'a dyn ReadAt) -> Self {
        let mut context = DCtx::create();
        // OK to ignore: the value is one that every version has.
        let _ = context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG));
        Self { input: Input::new(source), context, at: Place::Between, trailing: None }
    }

    /// What follows the last frame.
    pub(super) fn trailing(&self) -> Option<Broken> {
        self.trailing.clone()
    }

    /// Some bytes more; none at the end.
    pub(super) fn read(&mut self, to: &mut [u8]) -> Step<usize> {
        loop {
            match self.at {
                Place::End => return Ok(Ok(0)),
                Place::Between => self.begin()?,
                Place::InFrame => match self.decode(to)? {
                    Ok(0) => {}
                    other => return Ok(other),
                },
            }
        }
    }

    fn begin(&mut self) -> Result<()> {
        let head = self.input.fill(4)?;
        self.at = if begins_frame(head) {
            Place::InFrame
        } else {
            if !head.is_empty() {
                let text = "something that is no frame follows the last one".to_owned();
                let offset = self.input.position();
                self.trailing = Some(Broken { rule: &rules::TRAILING_BYTES, offset, text });
            }
            Place::End
        };
        Ok(())
    }

    /// Some bytes of the frame, none where it has ended.
    fn decode(&mut self, to: &mut [u8]) -> Step<usize> {
        loop {
            let input = self.input.fill(1)?;
            let is_end = input.is_empty();
            let mut from = InBuffer::around(input);
            let mut out = OutBuffer::around(&mut *to);
            let status = self.context.decompress_stream(&mut out, &mut from);
            let (used, made) = (from.pos(), out.pos());
            self.input.consume(used);
            match status {
                Err(code) => {
                    let name = zstd_safe::get_error_name(code);
                    let rule = if name.contains("checksum") {
                        &rules::CHECKSUM
                    } else if name.contains("memory") {
                        &rules::WINDOW
                    } else {
                        &rules::DATA
                    };
                    let text = format!("the frame cannot be unpacked: {name}");
                    return Ok(Err(Broken { rule, offset: self.input.position(), text }));
                }
                Ok(0) => {
                    self.at = Place::Between;
                    return Ok(Ok(made));
                }
                Ok(_) if made > 0 => return Ok(Ok(made)),
                Ok(_) if used == 0 && is_end => {
                    let text = "the file ends within a frame".to_owned();
                    return Ok(Err(Broken { rule: &rules::TRUNCATED, offset: self.input.position(), text }));
                }
                Ok(_) => {}
            }
        }
    }
}

/// Whether the bytes are those at the start of a frame, be it one to skip.
pub(super) fn begins_frame(head: &[u8]) -> bool {
    head.len() >= 4 && (le32(head, 0) == MAGIC || le32(head, 0) & !0xf == SKIPPABLE)
}

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;
/// 8 MiB.
const WINDOW_LOG: u32 = 23;
