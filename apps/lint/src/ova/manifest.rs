//! The manifest: a digest for each file of the package.

use std::collections::BTreeSet;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::beside::Beside;
use crate::bytes::{read_text, read_up_to};
use crate::report::{Findings, Location, shown};
use crate::rules::ova as rules;

/// Checks every line of the manifest `name` against the files of the package.
pub(crate) fn check(
    name: &str,
    source: &dyn ReadAt,
    beside: &dyn Beside,
    package: &[&str],
    f: &mut Findings,
) -> Result<()> {
    let Some(text) = read_text(source, MAX_BYTES)? else {
        f.add(&rules::MANIFEST_SYNTAX, Location::Whole, "the manifest is longer than 1 MiB or no UTF-8");
        return Ok(());
    };
    let mut listed = BTreeSet::new();
    for (number, text) in (1_u64..).zip(text.lines()) {
        let place = Location::Line(number);
        if text.trim().is_empty() {
            continue;
        }
        let Some(line) = Line::parse(text, &place, f) else { continue };
        if !listed.insert(line.name) {
            let text = format!("\"{}\" is listed twice", shown(line.name));
            f.add(&rules::MANIFEST_DUPLICATE, place, text);
            continue;
        }
        if line.name == name {
            f.add(&rules::MANIFEST_SELF, place, "the manifest lists itself");
            continue;
        }
        line.check(beside, place, f)?;
    }
    for file in package.iter().filter(|file| !listed.contains(*file)) {
        f.add(&rules::MANIFEST_UNLISTED, Location::Whole, format!("\"{}\" is not listed", shown(file)));
    }
    Ok(())
}

struct Line<'a> {
    algorithm: Algorithm,
    name: &'a str,
    digest: &'a str,
}

#[derive(Clone, Copy)]
enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str, place: &Location, f: &mut Findings) -> Option<Self> {
        let parts = text.split_once('(').and_then(|(algorithm, rest)| {
            let (name, digest) = rest.rsplit_once(')')?;
            Some((algorithm, name, digest))
        });
        let Some((token, name, digest)) = parts else {
            f.add(&rules::MANIFEST_SYNTAX, place.clone(), format!("\"{}\"", shown(text)));
            return None;
        };
        let (algorithm, length) = match token.trim() {
            "SHA1" => (Algorithm::Sha1, 40),
            "SHA256" => (Algorithm::Sha256, 64),
            "SHA512" => (Algorithm::Sha512, 128),
            other => {
                let text = format!("the digest is named \"{}\"", shown(other));
                f.add(&rules::MANIFEST_ALGORITHM, place.clone(), text);
                return None;
            }
        };
        let hex = digest.strip_prefix("= ").unwrap_or_default();
        let is_hex = hex.len() == length && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if token.trim() != token || !is_hex {
            let text = format!("\"{}\" is not of the form SHA256(name)= hex", shown(text));
            f.add(&rules::MANIFEST_SYNTAX, place.clone(), text);
        }
        // What is written otherwise is still compared.
        let digest = digest.trim_start_matches(['=', ' ']).trim_end();
        Some(Self { algorithm, name, digest })
    }

    fn check(&self, beside: &dyn Beside, place: Location, f: &mut Findings) -> Result<()> {
        let opened = beside.open(self.name).map_err(|error| {
            Error::new(ErrorKind::Source, "a file of the manifest cannot be opened")
                .with_path(self.name.as_bytes())
                .with_source(error)
        })?;
        let Some(file) = opened else {
            let text = format!("there is no file \"{}\"", shown(self.name));
            f.add(&rules::MANIFEST_MISSING, place, text);
            return Ok(());
        };
        let digest = match self.algorithm {
            Algorithm::Sha1 => hash::<Sha1>(file.as_ref())?,
            Algorithm::Sha256 => hash::<Sha256>(file.as_ref())?,
            Algorithm::Sha512 => hash::<Sha512>(file.as_ref())?,
        };
        if !digest.eq_ignore_ascii_case(self.digest) {
            let text = format!("the digest of \"{}\" is {digest}", shown(self.name));
            f.add(&rules::MANIFEST_DIGEST, place, text);
        }
        Ok(())
    }
}

fn hash<D: Digest>(file: &dyn ReadAt) -> Result<String> {
    let mut digest = D::new();
    let mut at = 0_u64;
    loop {
        let piece = read_up_to(file, at, PIECE)?;
        if piece.is_empty() {
            break;
        }
        digest.update(&piece);
        at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

const PIECE: usize = 1 << 20;
const MAX_BYTES: usize = 1 << 20;
