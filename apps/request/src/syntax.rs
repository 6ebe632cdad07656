/// The two forms in which a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// XML: what a client gets that asks for nothing.
    #[default]
    Xml,
    /// JSON.
    Json,
}

impl Syntax {
    /// The media type, without parameters: a client of this API takes an answer with a `charset` for plain bytes.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml",
            Self::Json => "application/json",
        }
    }

    /// The form of a request's body, told by its first byte that is not blank; `None` if it is neither.
    pub fn sniff(body: &[u8]) -> Option<Self> {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'<') => Some(Self::Xml),
            Some(b'{') => Some(Self::Json),
            _ => None,
        }
    }
}

/// Of UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
