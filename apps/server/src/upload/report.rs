use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

use super::checksum::Checksum;
use super::incoming::Incoming;
use super::receive::{checksum, cut_off, sync_folder, unless_left, unwanted};
use super::spool::Spool;
use crate::failure::Failure;
use crate::server::Server;
use crate::store::{ForeignReport, NewScan, ScanState, Selection, now};

/// Stores a report of a kind that is not known, and makes the scan `new` of an instance with it when it is whole and has the
/// checksum that was promised; the scan's number. Whatever goes wrong, nothing is stored.
///
/// Fails with 413 for more than [`MAX_REPORT`] bytes. When the caller stops waiting, the work ends.
pub(crate) async fn receive_report(
    server: &Server,
    user: i64,
    instance: i64,
    new: NewScan,
    incoming: Incoming,
    wanted: Option<Checksum>,
) -> Result<i64, Failure> {
    let bytes = incoming.most().unwrap_or(MAX_REPORT);
    if bytes > MAX_REPORT {
        return Err(too_long());
    }
    let report = ForeignReport { file: new_name(), bytes };
    let server = server.clone();
    unless_left(async move |stop| {
        let arriving = NewScan { state: ScanState::Arriving, report: Some(report.clone()), ..new.clone() };
        let scan = server.store().add_scan(user, instance, &arriving, &server.settings().quota).await?;
        let stored = tokio::select! {
            stored = store(&server, scan, &new, report, incoming, wanted) => stored,
            () = stop.cancelled() => Err(cut_off()),
        };
        if stored.is_err() {
            if let Err(error) = server.store().delete_scans(user, Selection::One(instance, scan)).await {
                tracing::error!(%error, scan, "a scan whose report failed is not forgotten");
            }
            server.sweep().await;
        }
        stored.map(|()| scan)
    })
    .await
}

async fn store(
    server: &Server,
    scan: i64,
    new: &NewScan,
    report: ForeignReport,
    mut incoming: Incoming,
    wanted: Option<Checksum>,
) -> Result<(), Failure> {
    server.check_room(report.bytes)?;
    let may_want_md5 = matches!(wanted, Some(Checksum::Md5(_))) || incoming.is_form();
    let mut spool = Spool::create(&server.folder().path(&report.file), may_want_md5).await?;
    while let Some(bytes) = incoming.next().await? {
        spool.put(&bytes).await?;
        if spool.len() > report.bytes {
            return Err(too_long());
        }
    }
    let len = spool.len();
    let fields = incoming.rest().await?;
    let sums = spool.sums(may_want_md5).await?;
    if let Some(wanted) = checksum(wanted, &fields)? {
        wanted.check(&sums)?;
    }
    sync_folder(server).await?;
    if server.store().settle_scan(scan, new, len).await? { Ok(()) } else { Err(unwanted()) }
}

/// A file that no other report has, in whatever life of the server.
fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("uploads/report-{}-{}", now(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn too_long() -> Failure {
    let message = format!("a report has at most {MAX_REPORT} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "request.size", message)
}

/// Of a report that nobody reads.
const MAX_REPORT: u64 = 16 << 20;
