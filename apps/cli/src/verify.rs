use std::io::{self, Write};
use std::path::PathBuf;

use diskwright::Files;
use diskwright::tree::Whiteouts;
use diskwright_verify::{FileDigests, ImageReport, OwnDigests, Scan, Verifier};
use serde_json::json;

use crate::arguments::{OutputMode, VerifyArguments};
use crate::failure::Failure;
use crate::prepare::open_scan;

/// `diskwright verify`.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let verifier = match verifier(arguments) {
        Ok(verifier) => verifier,
        Err(failure) => {
            let _ = failure.report();
            return Err(Failure::Unreadable);
        }
    };
    let mut out = io::stdout().lock();
    let mut documents = Vec::new();
    let (mut is_unreadable, mut is_bad) = (false, false);
    for path in &arguments.images {
        // The other images are still worth a look.
        let outcome = match verifier.verify(path) {
            Ok(outcome) => outcome,
            Err(error) => {
                documents.push(json!({"path": path.to_string_lossy(), "error": error.to_string()}));
                let _ = Failure::from(error).report();
                is_unreadable = true;
                continue;
            }
        };
        is_bad |= !outcome.is_clean();
        match arguments.output {
            OutputMode::Text => {
                for finding in &outcome.findings {
                    writeln!(out, "{finding}")?;
                }
                if outcome.unlisted > 0 {
                    writeln!(out, "and {} more", outcome.unlisted)?;
                }
            }
            OutputMode::Json => {
                let mut document = outcome.to_json();
                document["path"] = json!(path.to_string_lossy());
                documents.push(document);
            }
        }
    }
    if arguments.output == OutputMode::Json {
        let document = json!({"schema": SCHEMA, "images": documents});
        writeln!(out, "{document:#}")?;
    }
    out.flush()?;
    match (is_unreadable, is_bad) {
        (true, _) => Err(Failure::Unreadable),
        (false, true) => Err(Failure::Answered),
        (false, false) => Ok(()),
    }
}

/// What the images are checked against.
fn verifier(arguments: &VerifyArguments) -> Result<Verifier, Failure> {
    let report = match (&arguments.report, arguments.images.first()) {
        (Some(path), _) => path.clone(),
        (None, Some(image)) => image.with_file_name("report.json"),
        // clap lets nobody through without an image.
        (None, None) => PathBuf::from("report.json"),
    };
    let own = if arguments.skip_own_digests { OwnDigests::Skip } else { OwnDigests::Check };
    let mut verifier = Verifier::new(ImageReport::read(&report)?).with_own_digests(own);
    if !arguments.scan.is_empty() {
        let (files, spool) = (Files::default(), std::env::temp_dir());
        let open = |path: &PathBuf| open_scan(path, arguments.cross_file_systems, &files, &spool, usize::MAX);
        let sources = arguments.scan.iter().map(open).collect::<Result<_, _>>()?;
        let whiteouts = if arguments.oci_whiteouts { Whiteouts::Oci } else { Whiteouts::Plain };
        verifier = verifier.with_scan(&Scan::new(sources, whiteouts))?;
    }
    if let Some(path) = &arguments.digests {
        verifier = verifier.with_digests(FileDigests::open(path)?);
    }
    Ok(verifier)
}

const SCHEMA: &str = "diskwright-verify/1";
