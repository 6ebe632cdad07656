//! The linter's readers: valid packages changed, and any bytes.

use std::io::{self, Write};

use arbitrary::{Arbitrary, Unstructured};
use diskwright::{BytesReader, ErrorKind, ReadAt};
use diskwright_lint::Beside;

use crate::archive::with_checksums;
use crate::images::images;
use crate::patch::Patch;
use crate::random::Random;
use crate::target::Reach;

#[derive(Arbitrary, Debug)]
enum Input {
    /// Changes to a file of a valid image, which is packed from 128 on.
    Changed { image: u8, file: u8, patches: Vec<Patch> },
    /// Bytes behind those by which a kind is told.
    Bytes { kind: u8, bytes: Vec<u8> },
}

const STARTS: [&[u8]; 14] = [
    b"",
    b"QFI\xfb\0\0\0\x03",
    b"<<< Oracle VM VirtualBox Disk Image >>>\n",
    b"KDMV\x01\0\0\0\x03\0\0\0",
    b"KDMV\x03\0\0\0\x01\0\x03\0",
    b"# Disk DescriptorFile\n",
    b"<?xml version=\"1.0\"?>\n<VirtualBox>",
    b"<?xml version=\"1.0\"?>\n<Envelope>",
    b".encoding = \"UTF-8\"\nvirtualHW.version = \"10\"\n",
    b"conectix\0\0\0\x02\0\x01\0\0\0\0\0\0\0\0\x02\0",
    b"vhdxfile",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
    b"\x28\xb5\x2f\xfd",
    b"disk.raw\0",
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
            let mut files: Vec<(String, Vec<u8>)> = files.collect();
            if image.is_gzip || image.files.iter().all(|(name, _)| name.ends_with(".box")) {
                // A changed header is read on only where its checksum is true.
                files[0].1 = with_checksums(&files[0].1);
            }
            if image.is_gzip || file >= 128 {
                files.push(("packed".to_owned(), packed(&files[changed].1)));
            }
            lint(&Files(files))
        }
        Input::Bytes { kind, bytes } => {
            let start = STARTS[usize::from(kind) % STARTS.len()];
            let bytes = [start, &bytes].concat();
            let files = [("file.image".to_owned(), with_checksums(&bytes)), ("as-it-is".to_owned(), bytes)];
            lint(&Files(files.into()))
        }
    }
}

/// Every image as it is and packed, bytes of every kind, and some at random.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let image = |image: usize, file: u8| vec![0, 0, 0, 0, u8::try_from(image).unwrap(), file];
    let images = (0..images().len()).flat_map(|number| [image(number, 0), image(number, 128)]);
    // Of each byte another says that it is there.
    let bytes = (0..STARTS.len()).map(|kind| {
        let rest = b"\0\x01\x02\xfe\xff/7".iter().flat_map(|byte| [1, *byte]);
        [0, 0, 0, 128, u8::try_from(kind).unwrap()].into_iter().chain(rest).collect()
    });
    images.chain(bytes).chain(Random::inputs()).collect()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Whether the file would have to be unpacked more often than is allowed.
fn is_too_often(error: &diskwright::Error) -> bool {
    std::error::Error::source(error).is_some_and(|reason| reason.to_string().contains("unpacked too often"))
}

fn lint(files: &Files) -> Reach {
    let mut reach = Reach::Refused;
    for (name, bytes) in &files.0 {
        match diskwright_lint::lint_source(name, &BytesReader(bytes.as_slice().into()), files) {
            Ok(report) => {
                report.to_json().to_string();
                reach = Reach::Whole;
            }
            // Bytes in memory can be read: what is in a file is in the report, never an error.
            Err(error) => assert!(error.kind() == ErrorKind::Unsupported || is_too_often(&error), "{error}"),
        }
    }
    reach
}
