//! `user …`: the accounts of a server, whether it runs or not.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;

use super::limit::{LimitArguments, shown};
use super::{DataArguments, OutputMode, note, print};
use crate::accounts::{MAX_PASSWORD, Passwords, ROLES, check_password, is_login};
use crate::folder::Folder;
use crate::store::{Account, Limits, NewAccount, Store};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add an account
    Add(AddArguments),
    /// Give an account a new password; whoever uses the old one is out at once
    Password(PasswordArguments),
    /// Let an account in no more; what it has stays
    Disable(Whom),
    /// Let an account in again
    Enable(Whom),
    /// Give roles to an account, or take them
    Role(RoleArguments),
    /// Show what an account has and may have, or change what it may have
    Quota(QuotaArguments),
    /// List the accounts
    List(ListArguments),
    /// Remove an account with its scans, images and API keys
    Remove(Whom),
}

/// An account of a server.
#[derive(Debug, Args)]
pub(super) struct Whom {
    /// Login of the account
    login: String,

    #[command(flatten)]
    data: DataArguments,
}

impl Whom {
    /// The data directory, its database, and the account, which must be there.
    pub(super) async fn find(&self) -> Result<(Folder, Store, Account)> {
        let (folder, store) = self.data.open().await?;
        let account = store.account(&self.login).await?;
        let account = account.with_context(|| format!("there is no account {:?}", self.login))?;
        Ok((folder, store, account))
    }
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    #[command(flatten)]
    whom: Whom,

    #[command(flatten)]
    password: PasswordSource,

    /// What the account may do, several times for several
    #[arg(long = "role", value_name = "ROLE", default_value = "user", value_parser = role_parser())]
    roles: Vec<String>,

    /// Mail address
    #[arg(long, value_name = "TEXT", value_parser = note)]
    email: Option<String>,

    /// First name
    #[arg(long, value_name = "TEXT", value_parser = note)]
    first_name: Option<String>,

    /// Surname
    #[arg(long, value_name = "TEXT", value_parser = note)]
    surname: Option<String>,

    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Debug, Args)]
pub(super) struct PasswordArguments {
    #[command(flatten)]
    whom: Whom,

    #[command(flatten)]
    password: PasswordSource,
}

/// Where a password comes from: never from an argument, which every process can see.
#[derive(Debug, Args)]
struct PasswordSource {
    /// File that holds the password, as one line; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    password_file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RoleArguments {
    #[command(flatten)]
    whom: Whom,

    /// A role to give
    #[arg(long, value_name = "ROLE", value_parser = role_parser(), required_unless_present = "remove")]
    add: Vec<String>,

    /// A role to take
    #[arg(long, value_name = "ROLE", value_parser = role_parser())]
    remove: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct QuotaArguments {
    #[command(flatten)]
    whom: Whom,

    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    data: DataArguments,

    /// How to write the list
    #[arg(long, value_enum, default_value_t = OutputMode::Text)]
    output: OutputMode,
}

/// Does what is asked.
pub(super) async fn run(command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Add(arguments) => add(arguments).await,
        UserCommand::Password(arguments) => change_password(arguments).await,
        UserCommand::Disable(whom) => set_active(&whom, false).await,
        UserCommand::Enable(whom) => set_active(&whom, true).await,
        UserCommand::Role(arguments) => change_roles(arguments).await,
        UserCommand::Quota(arguments) => quota(arguments).await,
        UserCommand::List(arguments) => list(arguments).await,
        UserCommand::Remove(whom) => remove(&whom).await,
    }
}

async fn add(arguments: AddArguments) -> Result<()> {
    check_login(&arguments.whom.login)?;
    let new = NewAccount {
        password_hash: arguments.password.hash()?,
        email: arguments.email,
        first_name: arguments.first_name,
        surname: arguments.surname,
        roles: arguments.roles,
        limits: arguments.limits.of(Limits::default()),
        login: arguments.whom.login,
    };
    let (_, store) = arguments.whom.data.make().await?;
    let added = store.add_account(&new).await?;
    store.close().await;
    ensure!(added.is_some(), "there is an account {:?} already", new.login);
    Ok(())
}

/// Refuses what cannot be a new account's login.
pub(super) fn check_login(login: &str) -> Result<()> {
    ensure!(
        is_login(login),
        "{login:?} cannot be a login: it has 1 to 64 letters, digits and . _ @ -, begins with a letter or digit, \
         and is not all digits"
    );
    Ok(())
}

async fn change_password(arguments: PasswordArguments) -> Result<()> {
    let hash = arguments.password.hash()?;
    let (_, store, account) = arguments.whom.find().await?;
    store.set_password(account.id, &hash).await?;
    store.close().await;
    Ok(())
}

async fn set_active(whom: &Whom, active: bool) -> Result<()> {
    let (_, store, account) = whom.find().await?;
    store.set_active(account.id, active).await?;
    store.close().await;
    Ok(())
}

async fn change_roles(arguments: RoleArguments) -> Result<()> {
    if let Some(both) = arguments.add.iter().find(|role| arguments.remove.contains(role)) {
        bail!("role {both:?} cannot be given and taken at once");
    }
    let (_, store, account) = arguments.whom.find().await?;
    store.change_roles(account.id, &arguments.add, &arguments.remove).await?;
    store.close().await;
    Ok(())
}

async fn quota(arguments: QuotaArguments) -> Result<()> {
    let (_, store, account) = arguments.whom.find().await?;
    let limits = arguments.limits.of(account.limits);
    if limits != account.limits {
        store.set_limits(account.id, &limits).await?;
    }
    let usage = store.usage(account.id).await?;
    store.close().await;
    print(&format!(
        "scans   {} of {}\nimages  {} of {}\nbytes   {} of {}\n",
        usage.scans,
        shown(limits.scans),
        usage.images,
        shown(limits.images),
        usage.bytes,
        shown(limits.bytes)
    ))
}

async fn list(arguments: ListArguments) -> Result<()> {
    let (_, store) = arguments.data.open().await?;
    let mut text = String::new();
    let mut users = Vec::new();
    for account in store.accounts().await? {
        let usage = store.usage(account.id).await?;
        let state = if account.active { "active" } else { "disabled" };
        let roles = account.roles.join(",");
        text.push_str(&format!(
            "{:<20} {:<9} {:<24} {} scans, {} images, {} bytes\n",
            account.login, state, roles, usage.scans, usage.images, usage.bytes
        ));
        users.push(json!({
            "id": account.id,
            "login": account.login,
            "active": account.active,
            "roles": account.roles,
            "email": account.email,
            "first_name": account.first_name,
            "surname": account.surname,
            "usage": {"scans": usage.scans, "images": usage.images, "bytes": usage.bytes},
            "quota": {
                "scans": account.limits.scans,
                "images": account.limits.images,
                "bytes": account.limits.bytes,
            },
        }));
    }
    store.close().await;
    match arguments.output {
        OutputMode::Text => print(&text),
        OutputMode::Json => {
            print(&format!("{:#}\n", json!({"schema": "diskwright-users/1", "users": users})))
        }
    }
}

async fn remove(whom: &Whom) -> Result<()> {
    let (folder, store, account) = whom.find().await?;
    store.remove_account(account.id, |image| folder.image_name(image)).await?;
    store.close().await;
    Ok(())
}

impl PasswordSource {
    fn hash(&self) -> Result<String> {
        hash(&read_password(&self.password_file)?)
    }
}

/// The password that stands in a file, or in standard input if it is called `-`: all of it, without the end of its line.
pub(super) fn read_password(path: &Path) -> Result<String> {
    let read = || {
        let file: Box<dyn Read> = match path.to_str() {
            Some("-") => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(path)?),
        };
        // With the end of the line, and a byte more that tells a file that is too long.
        let most = MAX_PASSWORD + 2;
        let mut bytes = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut bytes)?;
        ensure!(bytes.len() <= most, "it has more than {MAX_PASSWORD} bytes");
        let text = String::from_utf8(bytes).context("it is not UTF-8")?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    };
    read().with_context(|| format!("cannot read the password from {}", path.display()))
}

/// What is stored of a new password, which must be fit for one.
pub(super) fn hash(password: &str) -> Result<String> {
    check_password(password)?;
    Passwords::hash(password).context("cannot hash the password")
}

fn role_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(
        ROLES.iter().map(|role| clap::builder::PossibleValue::new(role.name).help(role.about)),
    )
}
