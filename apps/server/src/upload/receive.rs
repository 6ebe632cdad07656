use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::checksum::Checksum;
use super::incoming::Incoming;
use super::spool::{Spool, Sums};
use crate::failure::Failure;
use crate::server::Server;
use crate::store::{NewScan, NewUpload, Selection, Upload};

/// What a tree is for.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A scan of the user that has none.
    Scan(i64),
    /// A scan that comes with it, of an instance of the user.
    Instance(i64, NewScan),
}

/// A tree that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) scan: i64,
    pub(crate) sums: Sums,
}

/// Streams what comes into a file and has the tree read when it is whole and has the checksum that was promised: in `wanted`
/// or, with a form, in its field `crc`. Whatever goes wrong, nothing is stored.
///
/// When the caller stops waiting, because its client has gone, the work ends.
pub(crate) async fn receive(
    server: &Server,
    user: i64,
    place: Place,
    new: NewUpload,
    incoming: Incoming,
    wanted: Option<Checksum>,
) -> Result<Received, Failure> {
    let stop = CancellationToken::new();
    let _stopped_with_caller = stop.clone().drop_guard();
    let server = server.clone();
    // A task of its own, from before the first row: it cleans up after a caller that is gone.
    let done = tokio::spawn(async move {
        let upload = begin(&server, user, place, &new).await?;
        let received = tokio::select! {
            received = store(&server, upload.clone(), incoming, wanted) => received,
            () = stop.cancelled() => Err(Failure::invalid("the upload was cut off")),
        };
        if received.is_err() {
            if let Err(error) = server.store().abandon_upload(&upload).await {
                tracing::error!(%error, upload.scan, "an upload that failed is not forgotten");
            }
            server.sweep().await;
        }
        let sums = received?;
        server.wake();
        Ok(Received { scan: upload.scan, sums })
    });
    done.await.map_err(Failure::internal)?
}

async fn begin(server: &Server, user: i64, place: Place, new: &NewUpload) -> Result<Upload, Failure> {
    let (store, quota) = (server.store(), &server.settings().quota);
    match place {
        Place::Scan(scan) => {
            let begun = store.begin_upload(user, scan, new, quota).await?;
            // What an earlier upload left.
            server.sweep().await;
            Ok(begun)
        }
        Place::Instance(instance, new_scan) => {
            let scan = store.add_scan(user, instance, &new_scan, quota).await?;
            let begun = store.begin_upload(user, scan, new, quota).await;
            if begun.is_err() {
                store.delete_scans(user, Selection::One(instance, scan)).await?;
            }
            Ok(begun?)
        }
    }
}

async fn store(
    server: &Server,
    upload: Upload,
    mut incoming: Incoming,
    wanted: Option<Checksum>,
) -> Result<Sums, Failure> {
    let may_want_md5 = matches!(wanted, Some(Checksum::Md5(_))) || incoming.is_form();
    let mut spool = Spool::create(&server.folder().path(&upload.file), may_want_md5).await?;
    let mut allowance = Allowance { server, upload, looked: 0 };
    while let Some(bytes) = incoming.next().await? {
        spool.put(&bytes).await?;
        allowance.cover(spool.len()).await?;
    }
    let len = spool.len();
    let fields = incoming.rest().await?;
    let wanted = checksum(wanted, &fields)?;
    let sums = spool.sums(may_want_md5).await?;
    if let Some(wanted) = wanted {
        wanted.check(&sums)?;
    }
    sync_folder(server).await?;
    match server.store().finish_upload(&allowance.upload, len, &sums.sha256).await? {
        true => Ok(sums),
        false => Err(unwanted()),
    }
}

/// Stores a report of a kind that is not known as `file`, at most [`MAX_REPORT`] bytes; how many they were.
///
/// Fails with 413 for a longer one. A file that is left behind by a failure is the caller's.
pub(crate) async fn spool_report(
    server: &Server,
    file: &str,
    incoming: &mut Incoming,
) -> Result<(u64, Sums), Failure> {
    let with_md5 = incoming.is_form();
    let mut spool = Spool::create(&server.folder().path(file), with_md5).await?;
    while let Some(bytes) = incoming.next().await? {
        spool.put(&bytes).await?;
        if spool.len() > MAX_REPORT {
            let message = format!("a report has at most {MAX_REPORT} bytes");
            return Err(Failure::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, "request.size", message));
        }
    }
    let len = spool.len();
    Ok((len, spool.sums(with_md5).await?))
}

/// The checksum that was promised beside the upload or in its form.
pub(crate) fn checksum(
    given: Option<Checksum>,
    fields: &BTreeMap<String, String>,
) -> Result<Option<Checksum>, Failure> {
    match (given, fields.get("crc")) {
        (None, Some(text)) => Checksum::parse(text).map(Some),
        (given, _) => Ok(given),
    }
}

/// The upload was cancelled, its scan deleted, or another request went on with it, while it came.
pub(super) fn unwanted() -> Failure {
    Failure::conflict(
        "the scan does not want this any more: the upload went on, was cancelled, or its scan deleted",
    )
}

/// Makes the names of new files durable.
pub(super) async fn sync_folder(server: &Server) -> Result<(), Failure> {
    let uploads = server.folder().uploads();
    super::spool::blocking(move || std::fs::File::open(uploads)?.sync_all()).await
}

/// Bytes that the user has reserved, more of them as more come.
struct Allowance<'a> {
    server: &'a Server,
    upload: Upload,
    /// Up to where it was looked whether the upload is still wanted.
    looked: u64,
}

impl Allowance<'_> {
    /// Has at least `len` bytes reserved. Who deletes a scan while its tree comes has no more room by that.
    async fn cover(&mut self, len: u64) -> Result<(), Failure> {
        let missing = len.saturating_sub(self.upload.reserved);
        if missing > 0 {
            let step = missing.max(STEP);
            self.server.store().grow_upload(&self.upload, step, &self.server.settings().quota).await?;
            self.upload.reserved = self.upload.reserved.saturating_add(step);
        } else if len.saturating_sub(self.looked) < STEP {
            return Ok(());
        } else if !self.server.store().wants_upload(&self.upload).await? {
            return Err(unwanted());
        }
        self.looked = len;
        Ok(())
    }
}

/// Of a report that nobody reads.
const MAX_REPORT: u64 = 16 << 20;
/// Bytes that are reserved at once where nobody says how many come.
pub(crate) const STEP: u64 = 16 << 20;
