//! gzip, member by member.

use diskwright_core::{ReadAt, Result};
use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::Rule;
use crate::bytes::le32;
use crate::rules::gzip as rules;

use super::{Broken, Input, Step};

/// Unpacks a series of members.
///
/// # Reference
/// RFC 1952 2.2 and 2.3.
pub(super) struct Decoder<'a> {
    input: Input<'a>,
    inflate: Decompress,
    crc: Crc,
    at: Place,
    trailing: Option<Broken>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first member.
    Start,
    /// In a member's data.
    Data,
    /// Between members.
    Between,
    End,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(source: &'a dyn ReadAt) -> Self {
        let inflate = Decompress::new(false);
        Self { input: Input::new(source), inflate, crc: Crc::new(), at: Place::Start, trailing: None }
    }

    /// What follows the last member.
    pub(super) fn trailing(&self) -> Option<Broken> {
        self.trailing.clone()
    }

    /// Some bytes more; none at the end.
    pub(super) fn read(&mut self, to: &mut [u8]) -> Step<usize> {
        loop {
            match self.at {
                Place::End => return Ok(Ok(0)),
                Place::Start | Place::Between => {
                    if let Err(broken) = self.begin()? {
                        return Ok(Err(broken));
                    }
                }
                Place::Data => match self.inflate(to)? {
                    Ok(0) => {}
                    other => return Ok(other),
                },
            }
        }
    }

    fn broken<T>(&self, rule: &'static Rule, text: impl Into<String>) -> Step<T> {
        Ok(Err(Broken { rule, offset: self.input.position(), text: text.into() }))
    }

    /// The header of the next member, or the end.
    fn begin(&mut self) -> Step<()> {
        let head = self.input.fill(2)?;
        if self.at == Place::Between && !head.starts_with(MAGIC) {
            let is_end = head.is_empty();
            self.at = Place::End;
            if !is_end && !self.is_padding()? {
                let text = "something that is no member follows the last one";
                let offset = self.input.position();
                self.trailing = Some(Broken { rule: &rules::TRAILING_BYTES, offset, text: text.to_owned() });
            }
            return Ok(Ok(()));
        }
        let mut fixed = [0; 10];
        for byte in &mut fixed {
            let Some(next) = self.input.byte()? else { return self.broken(&rules::TRUNCATED, IN_HEADER) };
            *byte = next;
        }
        let [_, _, method, flags, ..] = fixed;
        if !fixed.starts_with(MAGIC) || method != 8 || flags & 0xe0 != 0 {
            let text = format!("before here a header with method {method} and flags {flags:#x}");
            return self.broken(&rules::HEADER, text);
        }
        if flags & EXTRA != 0 && !self.skip_extra()? {
            return self.broken(&rules::TRUNCATED, IN_HEADER);
        }
        let texts = [NAME, COMMENT].into_iter().filter(|flag| flags & flag != 0).count();
        for _ in 0..texts {
            if !self.skip_text()? {
                return self.broken(&rules::TRUNCATED, IN_HEADER);
            }
        }
        // The header's own checksum, which hardly any reader looks at.
        let sum = if flags & HEADER_SUM != 0 { 2 } else { 0 };
        for _ in 0..sum {
            if self.input.byte()?.is_none() {
                return self.broken(&rules::TRUNCATED, IN_HEADER);
            }
        }
        self.inflate.reset(false);
        self.crc = Crc::new();
        self.at = Place::Data;
        Ok(Ok(()))
    }

    /// Whether only zeros follow, with which tapes are filled up.
    fn is_padding(&mut self) -> Result<bool> {
        loop {
            let rest = self.input.fill(1)?;
            if rest.is_empty() {
                return Ok(true);
            }
            let zeros = rest.iter().take_while(|byte| **byte == 0).count();
            let is_whole = zeros == rest.len();
            self.input.consume(zeros);
            if !is_whole {
                return Ok(false);
            }
        }
    }

    /// Up to the byte 0 that ends a text, if there is one.
    fn skip_text(&mut self) -> Result<bool> {
        while let Some(byte) = self.input.byte()? {
            if byte == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn skip_extra(&mut self) -> Result<bool> {
        let (low, high) = (self.input.byte()?, self.input.byte()?);
        let Some((low, high)) = low.zip(high) else { return Ok(false) };
        for _ in 0..u16::from_le_bytes([low, high]) {
            if self.input.byte()?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Some bytes of the member; none where it has ended.
    fn inflate(&mut self, to: &mut [u8]) -> Step<usize> {
        loop {
            let (used, made) = (self.inflate.total_in(), self.inflate.total_out());
            let input = self.input.fill(1)?;
            let is_end = input.is_empty();
            let status = self.inflate.decompress(input, to, FlushDecompress::None);
            let used = usize::try_from(self.inflate.total_in() - used).unwrap_or(0);
            let made = usize::try_from(self.inflate.total_out() - made).unwrap_or(0);
            self.input.consume(used);
            self.crc.update(to.get(..made).unwrap_or_default());
            match status {
                Err(_) => return self.broken(&rules::DATA, "the deflate stream is damaged about here"),
                Ok(Status::StreamEnd) => {
                    let end = self.end()?;
                    return Ok(end.map(|()| made));
                }
                Ok(_) if made > 0 => return Ok(Ok(made)),
                Ok(_) if used == 0 && is_end => {
                    return self.broken(&rules::TRUNCATED, "the file ends within a member");
                }
                Ok(_) if used == 0 => return self.broken(&rules::DATA, "the deflate stream goes no further"),
                Ok(_) => {}
            }
        }
    }

    /// Checksum and length behind a member.
    fn end(&mut self) -> Step<()> {
        let trailer: Option<[u8; 8]> = self.input.fill(8)?.get(..8).and_then(|bytes| bytes.try_into().ok());
        let Some(trailer) = trailer else {
            return self.broken(&rules::TRUNCATED, "the file ends within a member's checksum and length");
        };
        let (crc, len) = (le32(&trailer, 0), le32(&trailer, 4));
        if crc != self.crc.sum() {
            let text = format!("the checksum is {crc:#010x}, that of the content {:#010x}", self.crc.sum());
            return self.broken(&rules::CHECKSUM, text);
        }
        if len != self.crc.amount() {
            let text = format!("the length is {len}, that of the content {}", self.crc.amount());
            return self.broken(&rules::LENGTH, text);
        }
        self.input.consume(8);
        self.at = Place::Between;
        Ok(Ok(()))
    }
}

pub(super) const MAGIC: &[u8] = b"\x1f\x8b";
const IN_HEADER: &str = "the file ends within a member's header";
const HEADER_SUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
