use diskwright_core::format::FormatOptions;

/// How a VHD is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VhdOptions {
    /// The host system that the footer names; default Windows.
    pub creator_host: CreatorHost,
}

/// A host system that a VHD can name as its creator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreatorHost {
    /// "Wi2k".
    #[default]
    Windows,
    /// "Mac ".
    Macintosh,
}

impl VhdOptions {
    /// Sets the host system that the footer names.
    pub fn with_creator_host(mut self, creator_host: CreatorHost) -> Self {
        self.creator_host = creator_host;
        self
    }

    /// The options were checked against the table: what is none of its words does not come here.
    pub(crate) fn from_options(options: &FormatOptions) -> Self {
        let creator_host = match options.text("creator-host") {
            "macintosh" => CreatorHost::Macintosh,
            _ => CreatorHost::Windows,
        };
        Self { creator_host }
    }
}
