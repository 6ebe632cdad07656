//! Small valid files of every kind, made without the project's writers.

pub(crate) mod gce;
pub(crate) mod ova;
pub(crate) mod packed;
pub(crate) mod qcow2;
pub(crate) mod text;
pub(crate) mod vagrant;
pub(crate) mod vdi;
pub(crate) mod vhd;
pub(crate) mod vhdx;
pub(crate) mod vmdk;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use diskwright_core::{BytesReader, ReadAt};
use diskwright_lint::{Beside, Report, lint_source};

/// A file and those beside it.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) main: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Package {
    pub(crate) fn new(main: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { main: main.to_owned(), files: BTreeMap::from([(main.to_owned(), bytes.into())]) }
    }

    pub(crate) fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(name.to_owned(), bytes.into());
        self
    }

    /// Replaces `from`, which must occur, in the text of the main file.
    pub(crate) fn edited(self, from: &str, to: &str) -> Self {
        let name = self.main.clone();
        self.edited_in(&name, from, to)
    }

    pub(crate) fn edited_in(mut self, name: &str, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.files[name].clone()).unwrap();
        assert!(text.contains(from), "{from:?} is not in {name}");
        self.files.insert(name.to_owned(), text.replace(from, to).into_bytes());
        self
    }

    /// Overwrites bytes of the main file.
    pub(crate) fn patched(mut self, at: usize, bytes: &[u8]) -> Self {
        let main = self.files.get_mut(&self.main).unwrap();
        main[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn try_lint(&self) -> diskwright_core::Result<Report> {
        lint_source(&self.main, &reader(&self.files[&self.main]), self)
    }

    pub(crate) fn lint(&self) -> Report {
        self.try_lint().unwrap()
    }
}

impl Beside for Package {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn ReadAt + '_>>> {
        Ok(self.files.get(name).map(|bytes| Box::new(reader(bytes)) as Box<dyn ReadAt>))
    }
}

pub(crate) fn reader(bytes: &[u8]) -> BytesReader {
    BytesReader(Arc::from(bytes))
}

/// Bytes that do not compress to nothing.
pub(crate) fn data(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Identifiers of the rules that a report found broken, each once.
pub(crate) fn broken(report: &Report) -> Vec<&'static str> {
    let mut rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// One valid file of every kind and layout.
pub(crate) fn valid() -> Vec<Package> {
    vec![
        vmdk::stream().package(),
        vmdk::stream_tables_first(),
        vmdk::sparse(),
        vmdk::flat(),
        vdi::dynamic(),
        qcow2::deflate(),
        qcow2::zstd(),
        text::vmx(),
        text::vbox(),
        text::ovf(),
        ova::ova(&ova::members()),
        vhd::fixed(1 << 20),
        vhd::dynamic(),
        vhdx::dynamic(),
        vagrant::package(&vagrant::virtualbox()),
        vagrant::package(&vagrant::libvirt()),
        gce::archive(&gce::member()),
        packed::raw_gz(),
        packed::raw_zst(),
    ]
}
