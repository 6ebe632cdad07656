/// The names in a directory, sorted by their bytes.
#[derive(Default)]
pub(super) struct Names {
    text: Vec<u8>,
    /// Where each starts and ends in `text`.
    spans: Vec<(u32, u32)>,
}

impl Names {
    /// Adds a name; `false` when there is no room for it.
    pub(super) fn push(&mut self, name: &[u8]) -> bool {
        let start = u32::try_from(self.text.len());
        self.text.extend_from_slice(name);
        let end = u32::try_from(self.text.len());
        match (start, end) {
            (Ok(start), Ok(end)) => self.spans.push((start, end)),
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
}

fn name_in(text: &[u8], (start, end): (u32, u32)) -> Option<&[u8]> {
    text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}
