use diskwright_request::{Common, Scan as ScanDocument, Status, Time};

use crate::resources::instances;
use crate::store::{Scan, ScanState};

/// Relative to the base, as all URIs that are sent.
pub(in crate::resources) fn uri(login: &str, scan: &Scan) -> String {
    format!("{}/scans/{}", instances::uri(login, scan.instance_id), scan.id)
}

/// A scan with its state, without what is read out of its tree.
pub(in crate::resources) fn document(login: &str, scan: &Scan) -> ScanDocument {
    let uri = uri(login, scan);
    let below = |name: &str| Some(format!("{uri}/{name}"));
    let is_complete = scan.state == ScanState::Complete;
    let is_failed = scan.state == ScanState::Failed;
    let has_tree = scan.tree_path.is_some() || scan.tree_sha256.is_some();
    ScanDocument {
        common: Common {
            created: Time::from_milliseconds(scan.created),
            db_id: Some(scan.id),
            last_modified: Time::from_milliseconds(scan.modified),
            ..Common::default()
        },
        binaries_extracted: Some(is_complete),
        binaries_received: Some(has_tree),
        error: Some(is_failed),
        error_msg: scan.error.clone().filter(|_| is_failed),
        files_uri: below("files"),
        images_uri: below("images"),
        imports_uri: below("imports"),
        golden_imports_uri: below("goldens"),
        install_profile_uri: below("installProfile"),
        scan_sync_uri: below("sync"),
        name: Some(scan.name.clone()),
        overlay_crc: scan.overlay_crc.clone(),
        overlay_imported: Some(is_complete),
        overlay_path: scan.overlay_name.clone(),
        overlay_uri: below("overlay"),
        raw_partitions_uri: below("rawparts"),
        packages_uri: below("packages"),
        rejected: Some(false),
        scanned: Some(is_complete),
        scanned_instance_uri: Some(instances::uri(login, scan.instance_id)),
        status: Some(status(&uri, scan)),
        total_packages: scan.packages.and_then(|count| i32::try_from(count).ok()),
        uncompressed_binary_size: u64::try_from(scan.content_bytes).ok(),
        validated: Some(is_complete),
        raw_scan: Some(false),
        imports: Some(Vec::new()),
        uri: Some(uri),
        ..ScanDocument::default()
    }
}

/// How far a scan is; clients poll it.
pub(super) fn status(scan_uri: &str, scan: &Scan) -> Status {
    let percentage = i32::try_from(scan.percentage).unwrap_or(0);
    let message = match (&scan.report_name, scan.foreign_report) {
        (Some(name), true) => {
            format!("{} (the report {name} is of an unknown kind and was not read)", scan.message)
        }
        (None, true) => format!("{} (the report is of an unknown kind and was not read)", scan.message),
        _ => scan.message.clone(),
    };
    let status = match scan.state {
        ScanState::Complete => Status::complete(message),
        ScanState::Cancelled => Status::cancelled(message, percentage),
        ScanState::Failed => {
            let reason = scan.error.clone().unwrap_or_else(|| "the tree cannot be used".to_owned());
            Status::failed(message, percentage, reason, scan.error_detail.clone())
        }
        _ => Status::running(message, percentage),
    };
    let is_in_parts = scan.upload_total.is_some();
    Status {
        common: Common { last_modified: Time::from_milliseconds(scan.modified), ..Common::default() },
        bytes_loaded: u64::try_from(scan.upload_offset).ok().filter(|_| is_in_parts),
        bytes_total: scan.upload_total.and_then(|total| u64::try_from(total).ok()),
        parent_uri: Some(scan_uri.to_owned()),
        uri: Some(format!("{scan_uri}/status")),
        ..status
    }
}
