//! `key …`: API keys of the accounts.

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use serde_json::json;

use super::user::Whom;
use super::{OutputMode, note, print};
use crate::accounts::{new_public, secret};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make an API key; this is the only time that its secret half is shown
    Add(AddArguments),
    /// List the API keys of an account
    List(ListArguments),
    /// Remove an API key; what it signed is worth nothing from now on
    Remove(RemoveArguments),
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    #[command(flatten)]
    whom: Whom,

    /// What to call the key
    #[arg(long, value_name = "TEXT", value_parser = note)]
    name: String,

    /// What the key is for
    #[arg(long, value_name = "TEXT", value_parser = note)]
    description: Option<String>,

    /// How to write the key
    #[arg(long, value_enum, default_value_t = OutputMode::Text)]
    output: OutputMode,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    whom: Whom,

    /// How to write the list
    #[arg(long, value_enum, default_value_t = OutputMode::Text)]
    output: OutputMode,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    #[command(flatten)]
    whom: Whom,

    /// The key's public half
    public: String,
}

/// Does what is asked.
pub(super) async fn run(command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Add(arguments) => add(arguments).await,
        KeyCommand::List(arguments) => list(arguments).await,
        KeyCommand::Remove(arguments) => remove(arguments).await,
    }
}

async fn add(arguments: AddArguments) -> Result<()> {
    let (folder, store, account) = arguments.whom.find().await?;
    let public = new_public()?;
    store.add_key(account.id, &arguments.name, arguments.description.as_deref(), &public).await?;
    store.close().await;
    let secret = secret(&folder, &public);
    match arguments.output {
        OutputMode::Text => print(&format!("public  {public}\nsecret  {secret}\n")),
        OutputMode::Json => print(&format!("{:#}\n", json!({"public_key": public, "secret_key": secret}))),
    }
}

async fn list(arguments: ListArguments) -> Result<()> {
    let (_, store, account) = arguments.whom.find().await?;
    let keys = store.keys(account.id).await?;
    store.close().await;
    match arguments.output {
        OutputMode::Text => {
            let lines = keys.iter().map(|key| {
                let description = key.description.as_deref().unwrap_or_default();
                format!("{}  {:<20} {description}", key.public_key, key.name).trim_end().to_owned() + "\n"
            });
            print(&lines.collect::<String>())
        }
        OutputMode::Json => {
            let keys: Vec<_> = keys
                .into_iter()
                .map(|key| {
                    json!({"name": key.name, "description": key.description, "public_key": key.public_key})
                })
                .collect();
            print(&format!("{:#}\n", json!({"schema": "diskwright-keys/1", "keys": keys})))
        }
    }
}

async fn remove(arguments: RemoveArguments) -> Result<()> {
    let (_, store, account) = arguments.whom.find().await?;
    let removed = store.remove_key(account.id, &arguments.public).await?;
    store.close().await;
    ensure!(removed, "account {:?} has no key {:?}", account.login, arguments.public);
    Ok(())
}
