//! `demo`: a server with an account and a scan, to be tried at once.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::{Args, ValueHint};
use diskwright::format::Registry;
use diskwright::scan::without_archive_suffixes;

use super::scan::{Registered, checked, register};
use super::service::ServiceArguments;
use super::user::{check_login, hash, read_password};
use super::{note, print};
use crate::Server;
use crate::random::random;
use crate::store::{Account, NewAccount, Scan, ScanState, Store};

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// The scan: an archive (plain, or packed with gzip, zstd, xz or bzip2) or a directory; it is read where it lies
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    path: PathBuf,

    /// Directory of the server's database, uploads and images; made if absent
    #[arg(long, value_name = "DIR", env = "DISKWRIGHT_DATA", default_value = "server-data", value_hint = ValueHint::DirPath)]
    data: PathBuf,

    /// Login of the account that gets the scan; made if absent
    #[arg(long, value_name = "LOGIN", default_value = "guest")]
    user: String,

    /// File that holds the account's password, as one line; - is standard input [default: a new account gets one that is
    /// printed, once]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    password_file: Option<PathBuf>,

    /// Name of the machine [default: that of the file or directory]
    #[arg(long, value_name = "TEXT", value_parser = note)]
    name: Option<String>,

    #[command(flatten)]
    service: ServiceArguments,
}

/// Runs a server that has the scan, and says how to have an image made of it. What an earlier run made is used again.
pub(super) async fn run(registry: Registry, arguments: DemoArguments) -> Result<()> {
    check_login(&arguments.user)?;
    let path = checked(&arguments.path)?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => note(&machine_name(&path)).context("--name")?,
    };
    let given = arguments.password_file.as_deref().map(read_password).transpose()?;
    let service = arguments.service.open(registry, &arguments.data).await?;
    let server = service.server().clone();
    let (account, password) = account(server.store(), &arguments.user, given).await?;
    let registered = registered(server.store(), &account, name, path).await?;
    let api = format!("{}/api", service.url()?);
    service
        .run(async {
            let scan = until_read(&server, &account, &registered).await?;
            let next = server.store().image_numbers().await?.last().map_or(1, |last| last.saturating_add(1));
            let images = format!("{api}/{}/images", registered.uri);
            print(&invitation(&account, password.as_deref(), &scan, &images, next))
        })
        .await
}

/// The account, and its password if it is known: one that exists keeps its own, unless another is given.
async fn account(store: &Store, login: &str, given: Option<String>) -> Result<(Account, Option<String>)> {
    let known = store.account(login).await?;
    if let Some(account) = known {
        ensure!(account.active, "the account {login:?} is disabled: user enable lets it in again");
        if let Some(password) = &given {
            store.set_password(account.id, &hash(password)?).await?;
        }
        return Ok((account, given));
    }
    let password = match given {
        Some(password) => password,
        None => BASE64_URL_SAFE_NO_PAD.encode(random::<15>()?),
    };
    let new = NewAccount {
        login: login.to_owned(),
        password_hash: hash(&password)?,
        roles: vec!["user".to_owned()],
        ..NewAccount::default()
    };
    store.add_account(&new).await?;
    let account = store.account(login).await?.context("the account that was just made is gone")?;
    Ok((account, Some(password)))
}

/// The scan of the tree at `path` that the account has, if it is fit for use, else a new one.
async fn registered(store: &Store, account: &Account, name: String, path: String) -> Result<Registered> {
    let known = store.every_scan().await?.into_iter().find(|owned| {
        let is_fit = !matches!(owned.scan.state, ScanState::Failed | ScanState::Cancelled);
        owned.user_id == account.id
            && owned.instance_name == name
            && owned.scan.tree_path.as_ref() == Some(&path)
            && is_fit
    });
    match known {
        Some(owned) => Ok(Registered::new(&account.login, owned.scan.instance_id, owned.scan.id)),
        None => register(store, account, name, None, path).await,
    }
}

async fn until_read(server: &Server, account: &Account, registered: &Registered) -> Result<Scan> {
    let mut ended = server.builder().ended();
    loop {
        let found = server.store().scan(account.id, registered.instance, registered.scan).await?;
        let scan = found.context("somebody removed the scan")?;
        match scan.state {
            ScanState::Complete => return Ok(scan),
            ScanState::Failed | ScanState::Cancelled => {
                bail!("the scan is of no use: {}", scan.error.unwrap_or(scan.message))
            }
            _ => {}
        }
        // What is cancelled before it is begun ends without a sign.
        let _ = tokio::time::timeout(POLL, ended.changed()).await;
    }
}

/// What there is, and the requests that lead to an image of it; `next` is the number that it will have if nobody else asks.
fn invitation(account: &Account, password: Option<&str>, scan: &Scan, images: &str, next: i64) -> String {
    let login = &account.login;
    let (about, credentials) = match password {
        Some(password) => (format!("password {password}"), format!("{login}:{password}")),
        None => ("with the password that it has; --password-file gives it another".to_owned(), login.clone()),
    };
    let credentials = quoted(&credentials);
    format!(
        "\naccount {login}, {about}\nscan {number}: {message}\n\n\
         Ask for an image of it:\n\n  \
         curl \"{images}\" -X POST -u {credentials} -H \"Accept: application/xml\" --data-binary '{BODY}'\n\n\
         See how far it is (its number is the dbId of the answer), and fetch it when it is complete:\n\n  \
         curl \"{images}/{next}/status\" -u {credentials}\n  \
         curl \"{images}/{next}/downloads\" -u {credentials} --remote-name --remote-header-name\n\n\
         Ctrl-C stops the server.\n",
        number = scan.id,
        message = scan.message,
    )
}

/// A word of a shell's command line that means `text`.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@:-".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// `web-1` of `/srv/scans/web-1.tar.zst`.
fn machine_name(path: &str) -> String {
    let stem = without_archive_suffixes(path.rsplit('/').next().unwrap_or_default());
    if stem.is_empty() { "machine".to_owned() } else { stem.to_owned() }
}

/// An appliance for VirtualBox, asked for as the API's documentation does.
const BODY: &str = "<ns0:image><compress>true</compress><targetFormat><name>VirtualBox</name></targetFormat>\
                    <installProfile><memorySize>512</memorySize></installProfile></ns0:image>";
const POLL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_called_as_their_files() {
        for (path, name) in [
            ("/srv/scans/web-1.tar.zst", "web-1"),
            ("/srv/web.1.tar", "web.1"),
            ("/srv/web.tgz", "web"),
            ("/srv/tree", "tree"),
            ("/", "machine"),
        ] {
            assert_eq!(machine_name(path), name, "{path}");
        }
    }

    #[test]
    fn credentials_are_one_word_for_a_shell() {
        assert_eq!(quoted("guest:a-b_9"), "guest:a-b_9");
        assert_eq!(quoted("guest:it's $5"), "'guest:it'\\''s $5'");
    }
}
