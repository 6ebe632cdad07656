use diskwright_core::Result;
use diskwright_core::format::{Assembler, Placer, Run};

use crate::encode::Footer;

/// Puts every run at its own place, and the footer behind the disk.
pub(crate) struct VhdWriter {
    footers: Vec<Footer>,
}

impl VhdWriter {
    /// One footer for each disk; its output has the disk's number.
    pub(crate) fn new(footers: Vec<Footer>) -> Self {
        Self { footers }
    }
}

impl Assembler for VhdWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        to.write(disk, run.offset(), run.bytes())
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        for (disk, footer) in self.footers.iter().enumerate() {
            to.write(disk, footer.size, &footer.encode())?;
        }
        Ok(())
    }
}
