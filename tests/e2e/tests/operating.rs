//! The guide for operators does what it says.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::debian::{DebianTree, Workshop};
use diskwright_e2e::server::Installation;
use diskwright_e2e::{Tool, text};

#[test]
fn the_session_of_the_guide_runs() -> Result<()> {
    let (Some(shell), Some(_), Some(tree)) = (Tool::find("bash"), Tool::find("curl"), DebianTree::find())
    else {
        return Ok(());
    };
    let workshop = Workshop::enter("operating")?;
    let installation = Installation::new(workshop.path())?;
    installation.add_user("guest", "secret-of-guest")?;
    let server = installation.start()?;
    let session = workshop.path().join("session");
    fs::create_dir(&session)?;
    symlink(tree.archive(), session.join("web-1.tar"))?;
    let (_, script) = GUIDE.split_once("```sh\n").context("no session")?;
    let (script, _) = script.split_once("```").context("a session without end")?;
    let script = script.replace("http://127.0.0.1:8080", server.origin());
    let output = shell.command().args(["-euo", "pipefail", "-c", &script]).current_dir(&session).output()?;
    ensure!(output.status.success(), "{}\n{}\n{}", output.status, text(&output), server.log());
    let mut images = fs::read_dir(&session)?.filter_map(|entry| Some(entry.ok()?.path()));
    let image = images.find(|path| path.extension().is_some_and(|extension| extension == "ova"));
    ensure!(
        fs::metadata(image.context("no image")?)?.len() > 100 << 20,
        "an image without the machine in it"
    );
    server.stop()
}

const GUIDE: &str = include_str!("../../../docs/operating.md");
