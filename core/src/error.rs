use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The result of anything in Diskwright that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose move it is after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The install profile, request or order asks for something wrong: the caller changes it.
    InvalidProfile,
    /// A format option is unknown or out of its range: the caller changes it.
    InvalidOption,
    /// The tree does not fit the disk, partition or file system: the caller gives more room.
    DoesNotFit,
    /// A stated limit (memory, entries, path length, archive window) is exceeded.
    LimitExceeded,
    /// The request is well formed, but this format, tree or version cannot honour it.
    Unsupported,
    /// The scan cannot be read, is damaged, or changed while it was read.
    Source,
    /// The output cannot be written.
    Sink,
    /// The caller cancelled.
    Cancelled,
    /// A defect of Diskwright or of a format plugin.
    Internal,
}

impl ErrorKind {
    /// The kind's stable name, as reports and status documents show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidProfile => "invalid-profile",
            Self::InvalidOption => "invalid-option",
            Self::DoesNotFit => "does-not-fit",
            Self::LimitExceeded => "limit-exceeded",
            Self::Unsupported => "unsupported",
            Self::Source => "source",
            Self::Sink => "sink",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// What went wrong, where, and whose move it is.
///
/// Display prints message and context on one line and never the source, which stands in
/// [`std::error::Error::source`]. Bytes that are not printable appear escaped.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    field: Option<String>,
    path: Option<Vec<u8>>,
    offset: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    also: Vec<Error>,
}

impl Error {
    /// A failure of `kind`; `message` is a clause without a final full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            field: None,
            path: None,
            offset: None,
            source: None,
            also: Vec::new(),
        }))
    }

    /// Names the field of a profile, request or option table.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Names the path, of the host or within the tree.
    pub fn with_path(mut self, path: impl AsRef<[u8]>) -> Self {
        self.0.path = Some(path.as_ref().to_vec());
        self
    }

    /// Names the byte offset.
    pub fn with_offset(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Attaches the cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// One error for all `problems`, so that a caller sees everything at once; `Ok` if there are none.
    ///
    /// # Errors
    /// The first problem, with the others in [`Error::also`].
    pub fn collect(problems: Vec<Error>) -> Result<()> {
        let mut problems = problems.into_iter();
        match problems.next() {
            None => Ok(()),
            Some(mut first) => {
                first.0.also.extend(problems);
                Err(first)
            }
        }
    }

    /// The same error with fields, those of [`Error::also`] too, as `rename` has them.
    pub(crate) fn map_fields(mut self, rename: &dyn Fn(String) -> String) -> Self {
        self.0.field = self.0.field.take().map(rename);
        self.0.also = self.0.also.drain(..).map(|error| error.map_fields(rename)).collect();
        self
    }

    /// The operating system's code, where it is the direct cause.
    pub(crate) fn os_code(&self) -> Option<i32> {
        let source = std::error::Error::source(self)?;
        source.downcast_ref::<std::io::Error>()?.raw_os_error()
    }

    /// Whose move it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The field that the error is about, if it is about one.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The path that the error is about, if it is about one.
    pub fn path(&self) -> Option<&[u8]> {
        self.0.path.as_deref()
    }

    /// Further problems that were found together with this one.
    pub fn also(&self) -> &[Error] {
        &self.0.also
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.0.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(path) = &self.0.path {
            write!(f, ": {}", path.escape_ascii_path())?;
        }
        if let Some(offset) = self.0.offset {
            write!(f, " at offset {offset:#x}")?;
        }
        for other in &self.0.also {
            write!(f, "; {other}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self}", self.0.kind)?;
        if let Some(source) = &self.0.source {
            write!(f, " <- {source:?}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// What `run` gives; a panic of it, which is a defect, as `ErrorKind::Internal` that names `who`.
pub(crate) fn guarded<T>(who: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic leaves half done is not used any more: every caller ends the generation.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::new(ErrorKind::Internal, format!("{who} panicked: {text}")))
    })
}

/// Shows path bytes: UTF-8 as it is, control characters and stray bytes escaped.
pub(crate) trait EscapePath {
    fn escape_ascii_path(&self) -> String;
}

impl EscapePath for [u8] {
    fn escape_ascii_path(&self) -> String {
        let mut shown = String::with_capacity(self.len());
        for chunk in self.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() || c == '\\' {
                    shown.extend(c.escape_default());
                } else {
                    shown.push(c);
                }
            }
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\x{byte:02x}"));
            }
        }
        if shown.is_empty() {
            shown.push('/');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_field_path_and_offset_but_not_the_source() {
        let error = Error::new(ErrorKind::Source, "cannot read")
            .with_field("scan")
            .with_path(b"a\nb\xff")
            .with_offset(0x200)
            .with_source(std::io::Error::other("hidden"));
        assert_eq!(error.to_string(), "scan: cannot read: a\\nb\\xff at offset 0x200");
        assert_eq!(std::error::Error::source(&error).map(ToString::to_string), Some("hidden".into()));
    }

    #[test]
    fn collected_problems_are_all_shown() {
        let problems = vec![
            Error::new(ErrorKind::InvalidProfile, "too small").with_field("memorySize"),
            Error::new(ErrorKind::InvalidProfile, "unknown").with_field("colour"),
        ];
        let error = Error::collect(problems).unwrap_err();
        assert_eq!(error.to_string(), "memorySize: too small; colour: unknown");
        assert!(Error::collect(Vec::new()).is_ok());
    }
}
