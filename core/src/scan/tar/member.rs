use super::header::{BLOCK, Flavour, Header};
use super::input::Input;
use super::limits::MAX_RECORDS;
use super::pax::{Records, Scope};
use super::sparse::{SparseKind, SparseMap, read_map_in_data, read_old_map};
use crate::scan::{Attributes, DeviceNumber, ScanVisitor};
use crate::{Error, ErrorKind, Result, Timestamp};

/// Walks the members of an archive from its start to its end mark.
///
/// What GNU tar, libarchive and Python's tarfile read differently is refused, and so is an archive that ends without its
/// two blocks of zeros or has anything but zeros behind them. Each step takes at least one block of the archive.
pub(super) struct Members<'a> {
    input: Input<'a>,
    globals: Records,
    /// Whether an extended header has come: readers then treat sizes of hard links differently.
    extended_seen: bool,
    /// Bytes up to the next header, of the content of the member that [`Members::next`] gave last.
    unread: u64,
    ignored: Vec<Vec<u8>>,
}

/// One member.
pub(super) struct Member {
    pub(super) path: Vec<u8>,
    pub(super) object: MemberObject,
    pub(super) attributes: Attributes,
}

pub(super) enum MemberObject {
    Directory,
    File(Stored),
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
    CharDevice(DeviceNumber),
    BlockDevice(DeviceNumber),
    Fifo,
}

/// Where the content of a file stands in the unpacked archive.
pub(super) struct Stored {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) map: Option<SparseMap>,
}

/// What the extension headers in front of a member say.
#[derive(Default)]
struct Extensions {
    records: Option<Records>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    /// A global header came last.
    global: bool,
}

impl<'a> Members<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Self { input, globals: Records::default(), extended_seen: false, unread: 0, ignored: Vec::new() }
    }

    /// The next member; `None` after the last, when the archive was read to its end and is whole.
    ///
    /// # Errors
    /// `ErrorKind::Source` for a damaged or ambiguous archive, `ErrorKind::Unsupported` for a kind of member that is not
    /// known, `ErrorKind::LimitExceeded` for an oversized extension; all name path or offset; that of a checkpoint.
    /// Nothing can be read after an error.
    pub(super) fn next(&mut self, visitor: &mut dyn ScanVisitor) -> Result<Option<Member>> {
        self.input.skip(std::mem::take(&mut self.unread), visitor)?;
        let mut extensions = Extensions::default();
        let mut block = [0; BLOCK];
        loop {
            let offset = self.input.position();
            self.read_block(&mut block)?;
            if block == [0; BLOCK] {
                if !extensions.is_empty() {
                    return Err(damaged("an extension header without a member behind it", offset));
                }
                self.finish(offset, visitor)?;
                return Ok(None);
            }
            let header = Header::parse(&block, offset)?;
            match header.type_flag() {
                b'x' | b'g' | b'L' | b'K' => {
                    self.extension(&header, &mut extensions).map_err(|error| error.with_offset(offset))?;
                }
                _ => return self.member(&header, extensions, offset).map(Some),
            }
        }
    }

    /// The stored bytes of the member that [`Members::next`] gave last, `len` of them.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the archive cannot be read or is cut.
    pub(super) fn read_content(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(len.min(self.unread)).unwrap_or(0)];
        self.input.read_exact(&mut bytes)?;
        self.unread -= bytes.len() as u64;
        Ok(bytes)
    }

    /// Keywords of extended headers that were passed over, each once.
    pub(super) fn into_ignored(self) -> Vec<Vec<u8>> {
        self.ignored
    }

    fn read_block(&mut self, block: &mut [u8; BLOCK]) -> Result<()> {
        let offset = self.input.position();
        match self.input.block(block)? {
            true => Ok(()),
            false => Err(damaged("the archive ends without its end mark (truncated)", offset)),
        }
    }

    fn next_block(&mut self) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        self.read_block(&mut block)?;
        Ok(block)
    }

    /// Reads the second block of the end mark and everything behind it, which must be zero, so that a packed archive is
    /// checked to its last byte.
    fn finish(&mut self, offset: u64, visitor: &mut dyn ScanVisitor) -> Result<()> {
        let mut block = self.next_block()?;
        if block != [0; BLOCK] {
            return Err(damaged("a single block of zeros between members", offset));
        }
        loop {
            visitor.check()?;
            let offset = self.input.position();
            if !self.input.block(&mut block)? {
                return Ok(());
            }
            if block != [0; BLOCK] {
                let text = "bytes behind the archive's end mark: a second archive or garbage";
                return Err(damaged(text, offset));
            }
        }
    }

    fn extension(&mut self, header: &Header<'_>, extensions: &mut Extensions) -> Result<()> {
        let refuse = |text: &str| Error::new(ErrorKind::Source, text);
        match header.type_flag() {
            b'x' => {
                if extensions.records.is_some() {
                    return Err(refuse("two extended headers for one member"));
                }
                let body = self.extension_body(header, MAX_RECORDS)?;
                let mut records = Records::default();
                records.parse(&body, Scope::File)?;
                self.note_ignored(&records);
                extensions.records = Some(records);
                self.extended_seen = true;
            }
            b'g' => {
                if extensions.have_begun() {
                    return Err(refuse("a global extended header between a member and its extension"));
                }
                let body = self.extension_body(header, MAX_RECORDS)?;
                let mut records = Records::default();
                records.parse(&body, Scope::Global)?;
                self.note_ignored(&records);
                self.globals = records.over(&self.globals);
                extensions.global = true;
                self.extended_seen = true;
            }
            flag => {
                let body = self.extension_body(header, MAX_LONG_NAME)?;
                let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
                if end == 0 || body[end..].iter().any(|byte| *byte != 0) {
                    return Err(refuse("a long name that is empty or has a NUL byte"));
                }
                let slot = match flag {
                    b'L' => &mut extensions.long_name,
                    _ => &mut extensions.long_link,
                };
                if slot.replace(body[..end].to_vec()).is_some() {
                    return Err(refuse("two long names for one member"));
                }
            }
        }
        Ok(())
    }

    /// The body of an extension header, whose padding must be zero: some readers take it for a part of the body.
    fn extension_body(&mut self, header: &Header<'_>, limit: u64) -> Result<Vec<u8>> {
        let size = stored_size(header, None).map_err(|text| Error::new(ErrorKind::Source, text))?;
        if size > limit {
            let text = format!("an extension header of {size} bytes (at most {limit})");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        let mut body = vec![0; size as usize];
        self.input.read_exact(&mut body)?;
        let mut padding = [0; BLOCK];
        let padding = &mut padding[..body.len().next_multiple_of(BLOCK) - body.len()];
        self.input.read_exact(padding)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Error::new(ErrorKind::Source, "an extension header with bytes behind its end"));
        }
        Ok(body)
    }

    fn note_ignored(&mut self, records: &Records) {
        for keyword in &records.ignored {
            if !self.ignored.contains(keyword) && self.ignored.len() < MAX_IGNORED {
                self.ignored.push(keyword.clone());
            }
        }
    }

    fn member(&mut self, header: &Header<'_>, extensions: Extensions, offset: u64) -> Result<Member> {
        let Extensions { records, long_name, long_link, global: _ } = extensions;
        let records = records.unwrap_or_default().over(&self.globals);
        let refuse = |text: &str| damaged(text, offset);
        if long_name.is_some() && (records.path.is_some() || records.sparse.name().is_some())
            || long_link.is_some() && records.link_path.is_some()
        {
            return Err(refuse("a member with two kinds of long names"));
        }
        let own_name = long_name.is_none() && records.path.is_none() && records.sparse.name().is_none();
        if header.type_flag() == 0 && !own_name && header.path().is_ok_and(|path| path.ends_with(b"/")) {
            return Err(refuse("a directory in the manner of V7 with a long name"));
        }
        let path = match (records.sparse.name(), &records.path, long_name) {
            (Some(name), _, _) => name.to_vec(),
            (None, Some(path), _) => path.clone(),
            (None, None, Some(name)) => name,
            (None, None, None) => header.path().map_err(refuse)?,
        };
        if path.is_empty() {
            return Err(refuse("a member without a name"));
        }
        let link = records.link_path.clone().or(long_link).unwrap_or_else(|| header.link_name().to_vec());
        let place = |error: Error| error.with_path(&path).with_offset(offset);
        let refuse = |text: &str| place(Error::new(ErrorKind::Source, text));
        let attributes = attributes(header, &records).map_err(refuse)?;
        let object = self.object(header, &records, &path, own_name, link).map_err(place)?;
        if path.ends_with(b"/") && !matches!(object, MemberObject::Directory) {
            return Err(refuse("a name with a slash at the end that is not a directory's"));
        }
        let attributes = Attributes { xattrs: records.xattrs, ..attributes };
        Ok(Member { path, object, attributes })
    }

    fn object(
        &mut self,
        header: &Header<'_>,
        records: &Records,
        path: &[u8],
        own_name: bool,
        link: Vec<u8>,
    ) -> Result<MemberObject> {
        let refuse = |text: &str| Error::new(ErrorKind::Source, text);
        let flag = header.type_flag();
        if matches!(flag, b'0' | b'7' | b'S') || flag == 0 && !path.ends_with(b"/") {
            return self.file(header, records).map(MemberObject::File);
        }
        if records.sparse.are_given() {
            return Err(refuse("records of a sparse file for something that is not a file"));
        }
        let size = stored_size(header, Some(records)).map_err(refuse)?;
        // Before POSIX.1-2001 the size of a hard link was that of the file and no content followed.
        if size != 0 && (flag != b'1' || self.extended_seen) {
            return Err(refuse("content for something that is not a file"));
        }
        let device = || -> Result<DeviceNumber> {
            let number = |record: Option<u32>, field: i64| record.or_else(|| u32::try_from(field).ok());
            match (
                number(records.device_major, header.device_major),
                number(records.device_minor, header.device_minor),
            ) {
                (Some(major), Some(minor)) => Ok(DeviceNumber { major, minor }),
                _ => Err(refuse("a malformed device number")),
            }
        };
        // libarchive forgets the long name of a link whose short one is empty.
        let linked = |link: Vec<u8>| match link.is_empty() || header.link_name().is_empty() {
            true => Err(refuse("a link without a target")),
            false => Ok(link),
        };
        Ok(match flag {
            0 if !own_name => return Err(refuse("a directory that only its long name shows to be one")),
            0 | b'5' => MemberObject::Directory,
            b'1' => MemberObject::HardLink(linked(link)?),
            b'2' => MemberObject::Symlink(linked(link)?),
            b'3' => MemberObject::CharDevice(device()?),
            b'4' => MemberObject::BlockDevice(device()?),
            b'6' => MemberObject::Fifo,
            _ => return Err(unknown_type(flag)),
        })
    }

    fn file(&mut self, header: &Header<'_>, records: &Records) -> Result<Stored> {
        let refuse = |text: &str| Error::new(ErrorKind::Source, text);
        let posix = header.flavour() == Flavour::Ustar && header.type_flag() == b'0';
        if records.sparse.are_given() && !posix {
            return Err(refuse("records of a sparse file in front of a header of another format"));
        }
        let mut len = stored_size(header, Some(records)).map_err(refuse)?;
        let (ranges, real_size) = match records.sparse.kind().map_err(refuse)? {
            _ if header.type_flag() == b'S' => {
                if header.flavour() != Flavour::Gnu || records.size.is_some() {
                    return Err(refuse("a sparse file of two formats at once"));
                }
                let real_size = header.sparse_real_size().and_then(|size| u64::try_from(size).ok());
                let real_size = real_size.ok_or_else(|| refuse("a sparse file with a malformed size"))?;
                (read_old_map(header, || self.next_block())?, real_size)
            }
            SparseKind::None => {
                self.unread = padded(len)?;
                return Ok(Stored { offset: self.input.position(), len, map: None });
            }
            SparseKind::Mapped { real_size, ranges } => (ranges, real_size),
            SparseKind::MapInData { real_size } => {
                let ranges = read_map_in_data(|| {
                    len = len
                        .checked_sub(BLOCK as u64)
                        .ok_or_else(|| refuse("a sparse map that is longer than what is stored"))?;
                    self.next_block()
                })?;
                (ranges, real_size)
            }
        };
        let map = SparseMap::new(ranges, real_size, len).map_err(refuse)?;
        self.unread = padded(len)?;
        Ok(Stored { offset: self.input.position(), len, map: Some(map) })
    }
}

impl Extensions {
    /// Whether there is anything that wants a member behind it.
    fn is_empty(&self) -> bool {
        !self.have_begun() && !self.global
    }

    /// Whether there is anything for the next member alone.
    fn have_begun(&self) -> bool {
        self.records.is_some() || self.long_name.is_some() || self.long_link.is_some()
    }
}

/// The one place that knows how many bytes are stored for a member: a size in its own extended header counts, whatever
/// the header says.
fn stored_size(header: &Header<'_>, records: Option<&Records>) -> Result<u64, &'static str> {
    match records.and_then(|records| records.size) {
        Some(size) => Ok(size),
        None => u64::try_from(header.size).map_err(|_| "a malformed size"),
    }
}

fn padded(len: u64) -> Result<u64> {
    len.checked_next_multiple_of(BLOCK as u64)
        .ok_or_else(|| Error::new(ErrorKind::Source, "a size that no archive can have"))
}

fn attributes(header: &Header<'_>, records: &Records) -> Result<Attributes, &'static str> {
    let id = |record: Option<u32>, field: i64| {
        record.or_else(|| u32::try_from(field).ok()).ok_or("a malformed owner or group")
    };
    let mode = u16::try_from(header.mode).map_err(|_| "a malformed mode")?;
    let mode = records.permissions.map_or(mode, |permissions| mode & !0o777 | permissions);
    Ok(Attributes {
        mode,
        uid: id(records.uid, header.uid)?,
        gid: id(records.gid, header.gid)?,
        mtime: records.mtime.unwrap_or(Timestamp::from_seconds(header.mtime)),
        flags: records.flags.unwrap_or(0),
        xattrs: Vec::new(),
    })
}

fn unknown_type(flag: u8) -> Error {
    let what = match flag {
        b'D' => "a directory of an incremental archive (tar --incremental)",
        b'M' => "the continuation of a multi-volume archive",
        b'N' => "an old GNU table of long names",
        b'V' => "a volume label (tar --label)",
        b'X' => "an extended header of Solaris",
        b'A' => "an access control list of Solaris",
        _ => "a member of an unknown type",
    };
    Error::new(ErrorKind::Unsupported, format!("{what} ('{}')", flag.escape_ascii()))
}

fn damaged(text: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Source, text).with_offset(offset)
}

const MAX_LONG_NAME: u64 = 64 << 10;
const MAX_IGNORED: usize = 64;
