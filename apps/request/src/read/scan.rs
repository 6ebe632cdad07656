use diskwright_core::Result;

use super::fields::{Fields, Findings};

/// What a `scan` document asks, whether it makes a scan or changes one.
///
/// The name is all of a scan that a client can choose. The rest of the document is what the service said about the scan,
/// sent back: it is read over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanRequest {
    /// Name: 1 to 255 characters; absent: one is found, or the old one stays.
    pub name: Option<String>,
    /// What was read over, a sentence each.
    pub notes: Vec<String>,
}

impl ScanRequest {
    /// Reads a `scan` document, XML or JSON.
    ///
    /// # Errors
    /// As [`ImageRequest::parse`](crate::ImageRequest::parse).
    pub fn parse(body: &[u8]) -> Result<Self> {
        let (mut request, notes) = super::read(body, "scan", read)?;
        request.notes = notes;
        Ok(request)
    }
}

fn read(fields: &mut Fields<'_>, findings: &mut Findings) -> ScanRequest {
    let request = ScanRequest { name: fields.short_text("name", findings), notes: Vec::new() };
    // These a client could mean; the others are states and places.
    for name in ["installProfile", "packages", "osConfig"] {
        if fields.one(name, findings).is_some() {
            findings.note(format!("request: {name} of a scan cannot be changed, and is not"));
        }
    }
    fields.refuse_when(true, &["rejected", "rawScan"], findings);
    fields.finish(ECHOED, findings);
    request
}

/// States, results and places of the scan, and the seed version's `extraFiles`.
const ECHOED: &[&str] = &[
    "binariesExtracted",
    "binariesReceived",
    "error",
    "errorMsg",
    "extraFiles",
    "filesUri",
    "goldenImportsUri",
    "images",
    "imagesUri",
    "imports",
    "importsUri",
    "installProfileUri",
    "overlayCrc",
    "overlayImported",
    "overlayPath",
    "overlayUri",
    "packagesUri",
    "rawPartitionsUri",
    "scanSyncUri",
    "scanned",
    "scannedInstanceUri",
    "status",
    "totalFilesAdded",
    "totalFilesDeleted",
    "totalFilesModified",
    "totalPackages",
    "uncompressedBinarySize",
    "unixServices",
    "validated",
    "winApplications",
    "winServices",
];
