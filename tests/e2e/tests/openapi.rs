//! The description of the server's API is one, in the judgement of a foreign validator.

use std::fs;

use anyhow::{Result, ensure};
use diskwright_e2e::server::Installation;
use diskwright_e2e::{Tool, Validator};
use serde_json::Value;

#[test]
fn the_description_of_the_api_is_valid_and_a_broken_one_is_not() -> Result<()> {
    let (Some(curl), Some(validator)) = (Tool::find("curl"), Validator::find()) else { return Ok(()) };
    let room = tempfile::tempdir()?;
    let server = Installation::new(room.path())?.start()?;
    let document = room.path().join("openapi.json");
    let url = format!("{}/openapi.json", server.origin());
    let arguments = ["--fail", "--silent", "--show-error", "--output"].map(str::to_owned);
    curl.run(&[arguments.as_slice(), &[document.display().to_string(), url]].concat())?;
    validator.check(&document)?;
    // The validator itself is tested: it finds what is wrong.
    let whole: Value = serde_json::from_slice(&fs::read(&document)?)?;
    for (pointer, wrong) in [
        ("/openapi", Value::from("4.0")),
        ("/paths/~1users~1{uid}/get/parameters/0/in", Value::from("nowhere")),
        (
            "/paths/~1users~1{uid}~1images/get/operationId",
            whole["paths"]["/status"]["get"]["operationId"].clone(),
        ),
    ] {
        let mut broken = whole.clone();
        let place = broken.pointer_mut(pointer);
        ensure!(place.is_some(), "nothing stands at {pointer}");
        place.into_iter().for_each(|place| *place = wrong.clone());
        fs::write(&document, broken.to_string())?;
        ensure!(validator.check(&document).is_err(), "{wrong} passes at {pointer}");
    }
    server.stop()
}
