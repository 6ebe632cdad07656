//! The official clients, unchanged, against the server.
//!
//! What they need of it is written beside what they are seen to do, in the programs that drive them.

use std::ffi::OsStr;
use std::fs;

use anyhow::{Context, Result};
use diskwright_e2e::Clients;
use diskwright_e2e::debian::{DebianTree, Workshop};
use diskwright_e2e::server::{Installation, Server};

#[test]
fn sdk_generates_polls_downloads_cancels_and_deletes() -> Result<()> {
    assert_done(SDK, "clients-sdk")
}

#[test]
fn hammr_lists_builds_downloads_cancels_and_deletes() -> Result<()> {
    assert_done(AS_USER, "clients-hammr")
}

/// The SDK is a judge only if it refuses what is wrong.
#[test]
fn sdk_refuses_what_is_not_of_the_schema() -> Result<()> {
    let Some(clients) = Clients::find() else { return Ok(()) };
    clients.run(REFUSALS, &[])?;
    Ok(())
}

/// Runs a Python program, which ends with `delete`, against a server with one scan of a whole machine.
fn assert_done(program: &str, room: &str) -> Result<()> {
    let (Some(clients), Some(tree)) = (Clients::find(), DebianTree::find()) else { return Ok(()) };
    let workshop = Workshop::enter(room)?;
    let server = server_with_scan(&workshop, &tree)?;
    let downloads = workshop.path().join("downloads");
    fs::create_dir(&downloads)?;
    let api = server.api();
    let arguments = [&api, LOGIN, PASSWORD, INSTANCE].map(OsStr::new);
    let arguments = [&arguments, [downloads.as_os_str()].as_slice()].concat();
    let printed = clients.run(program, &arguments).with_context(|| server.log())?;
    assert!(printed.lines().any(|step| step.ends_with("delete")), "it ends too early:\n{printed}");
    server.stop()
}

fn server_with_scan(workshop: &Workshop, tree: &DebianTree) -> Result<Server> {
    let installation = Installation::new(workshop.path())?;
    installation.add_user(LOGIN, PASSWORD)?;
    installation.add_scan(LOGIN, INSTANCE, &tree.archive())?;
    installation.start()
}

const LOGIN: &str = "guest";
const PASSWORD: &str = "a long password: with colon";
const INSTANCE: &str = "web server";

const SDK: &str = include_str!("sdk.py");
const AS_USER: &str = include_str!("as_user.py");
const REFUSALS: &str = include_str!("refusals.py");
