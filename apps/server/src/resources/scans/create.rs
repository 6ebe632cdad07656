use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::response::Response;

use super::report::Report;
use super::{document, uri};
use crate::accounts::Identity;
use crate::failure::Failure;
use crate::resources::overlay::{CRC, name};
use crate::resources::{OwnInstance, Parameter, ParameterKind, Query, Wanted};
use crate::server::Server;
use crate::store::{ForeignReport, Instance, NewScan, NewUpload, ScanState, now};
use crate::upload::{Checksum, Incoming, Kind, Place, STEP, Sums, checksum, receive, spool_report};

/// Takes what an agent has: its machine report (ours, or another that is kept and not read), the tree itself, or only a name.
pub(super) async fn create(
    State(server): State<Server>,
    identity: Identity,
    OwnInstance(instance): OwnInstance,
    query: Query,
    wanted: Wanted,
    request: Request,
) -> Result<Response, Failure> {
    let crc = query.text(&CRC).map(Checksum::parse).transpose()?;
    let mut incoming = Incoming::of(request).await?;
    let report_name = match query.text(&REPORT_NAME).or_else(|| incoming.field("reportFileName")) {
        Some(text) => Some(name(text)?),
        None => incoming.file_name().map(name).transpose()?,
    };
    let scan_name = query.text(&NAME).or_else(|| incoming.field("name")).map(name).transpose()?;
    let kind = incoming.kind().await?;
    let creation = Creation { server: &server, identity: &identity, instance: &instance, crc };
    let scan = match kind {
        Kind::Tar => creation.with_tree(incoming, scan_name, report_name).await?,
        Kind::Empty => {
            let new = creation.new_scan(scan_name, report_name);
            creation.add(new).await?
        }
        Kind::Json | Kind::Xml | Kind::Other => {
            creation.with_report(incoming, kind, scan_name, report_name).await?
        }
    };
    let found = server.store().scan(identity.user, instance.id, scan).await?;
    let scan = found.ok_or_else(|| Failure::unknown("scan"))?;
    Ok(wanted.created(&uri(&identity.login, &scan), document(&identity.login, &scan)))
}

struct Creation<'a> {
    server: &'a Server,
    identity: &'a Identity,
    instance: &'a Instance,
    crc: Option<Checksum>,
}

impl Creation<'_> {
    /// A scan whose tree comes later, if ever.
    fn new_scan(&self, name: Option<String>, report_name: Option<String>) -> NewScan {
        let (state, message, error) = match self.instance.overlay_included {
            true => (ScanState::Waiting, "Waiting for the tree", None),
            false => (ScanState::Failed, "Failed", Some(NO_TREE.to_owned())),
        };
        NewScan { name, report_name, error, ..NewScan::new(state, message) }
    }

    async fn add(&self, new: NewScan) -> Result<i64, Failure> {
        let quota = &self.server.settings().quota;
        Ok(self.server.store().add_scan(self.identity.user, self.instance.id, &new, quota).await?)
    }

    /// Scan and tree in one: there is no scan before the tree is whole.
    async fn with_tree(
        &self,
        incoming: Incoming,
        name: Option<String>,
        file_name: Option<String>,
    ) -> Result<i64, Failure> {
        let new = NewScan { name, ..NewScan::new(ScanState::Arriving, "Receiving the tree") };
        let crc = incoming.field("crc").map(str::to_owned);
        let upload = NewUpload { name: file_name, crc, bytes: incoming.most().unwrap_or(STEP), total: None };
        let place = Place::Instance(self.instance.id, new);
        let received =
            receive(self.server, self.identity.user, place, upload, incoming, self.crc.clone()).await?;
        Ok(received.scan)
    }

    /// A scan of which a report comes first.
    async fn with_report(
        &self,
        mut incoming: Incoming,
        kind: Kind,
        name: Option<String>,
        report_name: Option<String>,
    ) -> Result<i64, Failure> {
        let mut new = self.new_scan(name, report_name);
        if kind != Kind::Other
            && let Some(body) = incoming.whole(MAX_DOCUMENT).await?
        {
            match Report::of(&body)? {
                Report::Foreign => incoming.put_back(body),
                known => {
                    self.check(incoming, || Sums::of(&body)).await?;
                    match known {
                        Report::Machine(report) => new.machine_report = Some(report),
                        Report::Scan(request) => new.name = request.name.or(new.name),
                        Report::Foreign => {}
                    }
                    return self.add(new).await;
                }
            }
        }
        let mut draft = Draft::new(self.server);
        let (bytes, sums) = spool_report(self.server, &draft.file, &mut incoming).await?;
        self.check(incoming, || sums).await?;
        new.report = Some(ForeignReport { file: draft.file.clone(), bytes });
        let scan = self.add(new).await?;
        draft.is_kept = true;
        Ok(scan)
    }

    /// Fails with 400 where a checksum was promised, in the query or the form, and is another.
    async fn check(&self, incoming: Incoming, sums: impl FnOnce() -> Sums) -> Result<(), Failure> {
        let fields = incoming.rest().await?;
        match checksum(self.crc.clone(), &fields)? {
            Some(wanted) => wanted.check(&sums()),
            None => Ok(()),
        }
    }
}

/// The file of a report, removed unless a scan has it.
struct Draft {
    /// Relative to the server's data.
    file: String,
    path: PathBuf,
    is_kept: bool,
}

impl Draft {
    fn new(server: &Server) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let file = format!("uploads/report-{}-{}", now(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = server.folder().path(&file);
        Self { file, path, is_kept: false }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed goes at the next start: no row names it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What [`create`] reads of the query.
pub(super) const PARAMETERS: [Parameter; 3] = [CRC, REPORT_NAME, NAME];

const REPORT_NAME: Parameter = Parameter::new(
    "reportFileName",
    ParameterKind::Text,
    "Name of the file that comes, as its sender calls it",
);
const NAME: Parameter =
    Parameter::new("name", ParameterKind::Text, "Name of the scan; without it one is found");
const NO_TREE: &str = "the scan came without its tree, and its machine says that none will come (overlayIncluded): \
                       of a report alone no image can be made; POST a tar archive of the tree to overlayUri";
/// Of a report or document that is read whole.
const MAX_DOCUMENT: usize = 4 << 20;
