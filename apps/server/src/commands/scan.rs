//! `scan …`: trees that lie on the server's machine already, registered by the administrator.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;

use super::{DataArguments, OutputMode, note, print};
use crate::settings::Quota;
use crate::store::{Account, InstanceAdded, NewInstance, NewScan, OwnedScan, ScanState, Selection, Store};
use crate::tidy;
use crate::upload::is_archive;

#[derive(Debug, Subcommand)]
pub(super) enum ScanCommand {
    /// Register a tar archive or a directory as a scan; it is read where it lies, and must stay there
    Add(AddArguments),
    /// List the scans of all accounts
    List(ListArguments),
    /// Remove a scan with its images; what it was registered from stays
    Remove(RemoveArguments),
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    #[command(flatten)]
    data: DataArguments,

    /// Login of the account that gets the scan
    #[arg(long, value_name = "LOGIN")]
    user: String,

    /// Name of the machine; its scans stand together
    #[arg(long, value_name = "TEXT", value_parser = note)]
    name: String,

    /// Name of the scan; "Scan 1", "Scan 2" … if not given
    #[arg(long, value_name = "TEXT", value_parser = note)]
    scan_name: Option<String>,

    /// The archive (plain, or packed with gzip, zstd, xz or bzip2) or directory
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    path: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    data: DataArguments,

    /// How to write the list
    #[arg(long, value_enum, default_value_t = OutputMode::Text)]
    output: OutputMode,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    #[command(flatten)]
    data: DataArguments,

    /// Number of the scan, as the list has it
    #[arg(value_name = "NUMBER")]
    scan: i64,
}

/// Does what is asked.
pub(super) async fn run(command: ScanCommand) -> Result<()> {
    match command {
        ScanCommand::Add(arguments) => add(arguments).await,
        ScanCommand::List(arguments) => list(arguments).await,
        ScanCommand::Remove(arguments) => remove(arguments).await,
    }
}

async fn add(arguments: AddArguments) -> Result<()> {
    let path = checked(&arguments.path)?;
    let (_, store) = arguments.data.open().await?;
    let account = store.account(&arguments.user).await?;
    let account = account.with_context(|| format!("there is no account {:?}", arguments.user))?;
    let uri = register(&store, &account, arguments.name, arguments.scan_name, path).await?.uri;
    store.close().await;
    print(&format!("{uri}\n"))
}

/// A scan that was registered.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) instance: i64,
    pub(super) scan: i64,
    /// Relative to the base of the API.
    pub(super) uri: String,
}

impl Registered {
    pub(super) fn new(login: &str, instance: i64, scan: i64) -> Self {
        Self { instance, scan, uri: format!("users/{login}/scannedinstances/{instance}/scans/{scan}") }
    }
}

/// Has the tree at the [`checked`] `path` read as a scan of the machine `name` of `account`.
pub(super) async fn register(
    store: &Store,
    account: &Account,
    name: String,
    scan_name: Option<String>,
    path: String,
) -> Result<Registered> {
    let new = NewInstance { name, overlay_included: true, ..NewInstance::default() };
    let instance = match store.add_instance(account.id, &new).await? {
        InstanceAdded::New(id) | InstanceAdded::Known(id) => id,
        InstanceAdded::TooMany => bail!("the account has as many machines as it may have"),
    };
    let new = NewScan {
        name: scan_name,
        tree_path: Some(path),
        ..NewScan::new(ScanState::Queued, "Waiting to be read")
    };
    // What the account itself may have counts; what the server allows others does not bind its administrator.
    let quota = Quota { scans: u64::MAX, images: u64::MAX, bytes: u64::MAX };
    let scan = store.add_scan(account.id, instance, &new, &quota).await?;
    Ok(Registered::new(&account.login, instance, scan))
}

async fn list(arguments: ListArguments) -> Result<()> {
    let (_, store) = arguments.data.open().await?;
    let mut text = String::new();
    let mut scans = Vec::new();
    for OwnedScan { login, instance_name: instance, scan, .. } in store.every_scan().await? {
        let state = scan.state.name();
        let error = scan.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        text.push_str(&format!("{:>6}  {login}  {instance} / {}  {state}{error}\n", scan.id, scan.name));
        scans.push(json!({
            "id": scan.id,
            "user": login,
            "instance": {"id": scan.instance_id, "name": instance},
            "name": scan.name,
            "state": state,
            "percentage": scan.percentage,
            "error": scan.error,
            "registered": scan.tree_path,
            "bytes": scan.tree_bytes,
        }));
    }
    store.close().await;
    match arguments.output {
        OutputMode::Text => print(&text),
        OutputMode::Json => {
            print(&format!("{:#}\n", json!({"schema": "diskwright-scans/1", "scans": scans})))
        }
    }
}

async fn remove(arguments: RemoveArguments) -> Result<()> {
    let (folder, store) = arguments.data.open().await?;
    let all = store.every_scan().await?;
    let found = all.into_iter().find(|owned| owned.scan.id == arguments.scan);
    let OwnedScan { user_id, scan, .. } =
        found.with_context(|| format!("there is no scan {}", arguments.scan))?;
    store.delete_scans(user_id, Selection::One(scan.instance_id, scan.id)).await?;
    tidy::sweep_uploads(&folder, &store).await?;
    store.close().await;
    Ok(())
}

/// The path as it is stored: absolute, without links, of something that can be a tree.
pub(super) fn checked(path: &Path) -> Result<String> {
    let shown = path.display();
    let absolute = path.canonicalize().with_context(|| format!("cannot find {shown}"))?;
    let metadata = absolute.metadata().with_context(|| format!("cannot look at {shown}"))?;
    if !metadata.is_dir() {
        ensure!(metadata.is_file(), "{shown} is neither an archive nor a directory");
        let mut start = Vec::new();
        let file = std::fs::File::open(&absolute).with_context(|| format!("cannot open {shown}"))?;
        file.take(512).read_to_end(&mut start).with_context(|| format!("cannot read {shown}"))?;
        ensure!(
            is_archive(&start),
            "{shown} is no tar archive: plain, or packed with gzip, zstd, xz or bzip2"
        );
    }
    let text = absolute.to_str().with_context(|| format!("{shown} is not UTF-8"))?;
    Ok(text.to_owned())
}
