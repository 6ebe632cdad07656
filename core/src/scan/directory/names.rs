/// The names in a directory, sorted by their bytes.
#[derive(Default)]
pub(super) struct Names {
    text: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a name starts and ends in the text.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    /// Whether the directory says that it names a directory.
    is_directory: bool,
}

impl Names {
    /// Adds a name, of a directory as it seems or of something else; `false` when there is no room for it.
    pub(super) fn push(&mut self, name: &[u8], is_directory: bool) -> bool {
        let start = u32::try_from(self.text.len());
        let end = u32::try_from(self.text.len() + name.len());
        match (start, end) {
            (Ok(start), Ok(end)) => {
                self.text.extend_from_slice(name);
                self.spans.push(Span { start, end, is_directory });
            }
            _ => return false,
        }
        true
    }

    pub(super) fn sort(&mut self) {
        let Self { text, spans } = self;
        spans.sort_unstable_by(|a, b| name_in(text, *a).cmp(&name_in(text, *b)));
        // A directory that changes while it is read may give a name twice.
        spans.dedup_by(|a, b| name_in(text, *a) == name_in(text, *b));
        text.shrink_to_fit();
        spans.shrink_to_fit();
    }

    pub(super) fn at(&self, number: usize) -> Option<&[u8]> {
        self.spans.get(number).and_then(|span| name_in(&self.text, *span))
    }

    pub(super) fn count(&self) -> usize {
        self.spans.len()
    }

    /// Bytes of memory that they take.
    pub(super) fn weight(&self) -> usize {
        self.text.len() + self.spans.len() * size_of::<Span>()
    }

    /// The first from `number` on that seems to name a directory.
    pub(super) fn next_directory(&self, number: usize) -> Option<usize> {
        let spans = self.spans.get(number..)?;
        spans.iter().position(|span| span.is_directory).map(|at| number + at)
    }
}

fn name_in(text: &[u8], span: Span) -> Option<&[u8]> {
    text.get(usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?)
}
