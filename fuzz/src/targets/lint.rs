//! The linter's readers: valid packages changed, and any bytes.

use std::io;

use arbitrary::{Arbitrary, Unstructured};
use diskwright::{BytesReader, ErrorKind, ReadAt};
use diskwright_lint::Beside;

use crate::images::images;
use crate::patch::Patch;
use crate::target::Reach;

#[derive(Arbitrary, Debug)]
enum Input {
    /// Changes to a file of a valid image.
    Changed { image: u8, file: u8, patches: Vec<Patch> },
    /// Bytes behind those by which a kind is told.
    Bytes { kind: u8, bytes: Vec<u8> },
}

const STARTS: [&[u8]; 9] = [
    b"",
    b"QFI\xfb\0\0\0\x03",
    b"<<< Oracle VM VirtualBox Disk Image >>>\n",
    b"KDMV\x01\0\0\0\x03\0\0\0",
    b"KDMV\x03\0\0\0\x01\0\x03\0",
    b"# Disk DescriptorFile\n",
    b"<?xml version=\"1.0\"?>\n<VirtualBox>",
    b"<?xml version=\"1.0\"?>\n<Envelope>",
    b".encoding = \"UTF-8\"\nvirtualHW.version = \"10\"\n",
];

/// The files of one folder.
struct Files(Vec<(String, Vec<u8>)>);

impl Beside for Files {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn ReadAt + '_>>> {
        let found = self.0.iter().find(|(known, _)| known == name);
        Ok(found.map(|(_, bytes)| Box::new(BytesReader(bytes.as_slice().into())) as Box<dyn ReadAt>))
    }
}

/// The bytes as changes, or as a file.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    match input {
        Input::Changed { image, file, patches } => {
            let image = &images()[usize::from(image) % images().len()];
            let changed = usize::from(file) % image.files.len();
            let files = image.files.iter().enumerate().map(|(at, (name, base))| {
                (name.clone(), if at == changed { base.patched(&patches) } else { base.bytes.clone() })
            });
            lint(&Files(files.collect()))
        }
        Input::Bytes { kind, bytes } => {
            let start = STARTS[usize::from(kind) % STARTS.len()];
            lint(&Files(vec![("file.image".to_owned(), [start, &bytes].concat())]))
        }
    }
}

fn lint(files: &Files) -> Reach {
    let mut reach = Reach::Refused;
    for (name, bytes) in &files.0 {
        match diskwright_lint::lint_source(name, &BytesReader(bytes.as_slice().into()), files) {
            Ok(report) => {
                report.to_json().to_string();
                reach = Reach::Whole;
            }
            Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{error}"),
        }
    }
    reach
}
