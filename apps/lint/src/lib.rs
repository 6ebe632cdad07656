#![doc = include_str!("../docs.md")]

mod beside;
mod bytes;
mod deflate_reach;
mod detect;
mod gce;
mod inflate;
mod ova;
mod ovf;
mod packed;
mod qcow2;
mod report;
mod rule;
mod rules;
mod tar;
mod uuid;
mod vagrant;
mod vbox;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod vmx;
mod xml;

use std::path::Path;

use diskwright_core::{Error, ErrorKind, Files, ReadAt, Result};

pub use beside::{Alone, Beside, Folder};
pub use detect::Kind;
pub use report::{Finding, Location, Report};
pub use rule::{Rule, Severity};

use detect::Opened;
use report::Findings;

/// Checks the file at `path`, and those beside it that it names.
///
/// # Errors
/// `ErrorKind::Unsupported`, with what was seen, when it is of no known kind; `ErrorKind::Source` when it, or a file
/// that it names, cannot be read. What is wrong with the file's content is in the report, never an error.
pub fn lint(path: &Path) -> Result<Report> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = Files::default().open(path).map_err(|error| {
        Error::new(ErrorKind::Source, "the file cannot be opened")
            .with_path(path.as_os_str().as_encoded_bytes())
            .with_source(error)
    })?;
    lint_source(&name, &file, &Folder(folder.to_owned()))
        .map_err(|error| error.with_path(path.as_os_str().as_encoded_bytes()))
}

/// Checks a file of that name, with those of `beside` that it names.
///
/// Memory is bounded whatever the file says; time grows with what it says it holds.
///
/// # Errors
/// As [`lint`].
pub fn lint_source(name: &str, source: &dyn ReadAt, beside: &dyn Beside) -> Result<Report> {
    let opened = Opened::new(source)?;
    let kind = opened.kind;
    let mut findings = Findings::new(name);
    let f = &mut findings;
    if let Some(packed) = &opened.packed
        && !packed.check(f)
    {
        // What is in it ends where it should not, which says nothing about it.
        return Ok(findings.into_report(kind));
    }
    let (content, packed) = (opened.content(), opened.packed.as_ref());
    match kind {
        Kind::Ova => ova::check(source, f)?,
        Kind::Ovf => check_package(name, source, beside, f)?,
        Kind::Vmdk => {
            vmdk::check(source, beside, f)?;
        }
        Kind::Vmx => vmx::check(source, beside, f)?,
        Kind::Vbox => vbox::check(source, beside, f)?,
        Kind::Vdi => {
            vdi::check(source, f)?;
        }
        Kind::Qcow2 => qcow2::check(source, f)?,
        Kind::Vhd => vhd::check(content, f)?,
        Kind::Vhdx => vhdx::check(content, f)?,
        Kind::Vagrant => vagrant::check(content, &opened.listing, packed.is_some(), f)?,
        Kind::Gce => gce::check(content, &opened.listing, packed.is_some(), f)?,
        Kind::Gzip | Kind::Zstd => packed.into_iter().for_each(|packed| packed.check_disk(f)),
    }
    Ok(findings.into_report(kind))
}

/// A descriptor with its files beside it, and the manifest if there is one.
fn check_package(name: &str, source: &dyn ReadAt, beside: &dyn Beside, f: &mut Findings) -> Result<()> {
    let references = ovf::check(source, beside, f)?;
    let manifest = format!("{}.mf", ova::stem(name));
    let opened = beside.open(&manifest).map_err(|error| {
        Error::new(ErrorKind::Source, "the manifest cannot be opened")
            .with_path(manifest.as_bytes())
            .with_source(error)
    })?;
    if let Some(file) = opened {
        let package: Vec<&str> = std::iter::once(name).chain(references.iter().map(String::as_str)).collect();
        f.in_file(&manifest, |f| ova::manifest::check(&manifest, file.as_ref(), beside, &package, f))?;
    }
    Ok(())
}
