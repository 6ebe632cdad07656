use std::io::{self, Write};

use diskwright::engine::Engine;
use diskwright::format::{Firmware, Registry};
use diskwright::profile::BootPolicy;
use diskwright::readiness::{Finding, Prediction, Readiness, Verdict};
use serde_json::json;

use crate::arguments::{CheckArguments, OutputMode, ProgressMode};
use crate::failure::Failure;
use crate::generate::print_notes;
use crate::prepare::prepare;
use crate::watch::Watch;

/// `diskwright check`.
pub(crate) fn check(registry: &Registry, arguments: &CheckArguments) -> Result<(), Failure> {
    let engine = Engine::new();
    let (mut order, notes) = prepare(registry, &arguments.order, &std::env::temp_dir(), engine.threads())?;
    // That it does not boot is an answer here, not an error.
    if order.flags.boot != Some(BootPolicy::None) {
        order.flags.boot = Some(BootPolicy::Optional);
    }
    let watch = Watch::start(ProgressMode::None)?;
    let plan = engine.plan(&order, watch.monitor())?;
    drop(watch);
    print_notes(&notes, &[], &[]);
    let readiness = plan.report(&order).readiness;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match (arguments.json, arguments.output) {
        (true, _) | (false, OutputMode::Json) => print_json(&readiness, &mut out)?,
        (false, OutputMode::Text) => print_text(&readiness, &mut out)?,
    }
    out.flush()?;
    match readiness.verdict() {
        Verdict::Boots => Ok(()),
        Verdict::DoesNotBoot => Err(Failure::Answered),
        Verdict::Unknown => Err(Failure::Undecided),
    }
}

fn print_json(readiness: &Readiness, out: &mut impl Write) -> Result<(), Failure> {
    let mut document = json!({"schema": SCHEMA, "verdict": readiness.verdict()});
    let rest = serde_json::to_value(readiness).map_err(|error| Failure::Output(io::Error::other(error)))?;
    if let (Some(document), serde_json::Value::Object(rest)) = (document.as_object_mut(), rest) {
        document.extend(rest);
    }
    writeln!(out, "{document:#}")?;
    Ok(())
}

fn print_text(readiness: &Readiness, out: &mut impl Write) -> io::Result<()> {
    if let Some(kernel) = &readiness.kernel {
        writeln!(out, "kernel {kernel}")?;
    }
    for Prediction { target, controller, firmware, expected, verdict } in &readiness.predictions {
        let controller = controller.map_or("any controller", |controller| controller.name());
        let firmware = match firmware {
            Firmware::Bios => "BIOS",
            Firmware::Uefi => "UEFI",
        };
        let aside = if *expected { "" } else { " (not asked for)" };
        writeln!(out, "{target} on {controller} under {firmware}: {}{aside}", verdict.name())?;
    }
    for finding in &readiness.findings {
        writeln!(out, "{}", line(finding))?;
        if !finding.remedy.is_empty() {
            writeln!(out, "  {}", finding.remedy)?;
        }
    }
    Ok(())
}

/// A finding in one line.
pub(crate) fn line(finding: &Finding) -> String {
    let mut about: Vec<&str> = finding.targets.clone();
    about.extend(finding.controller.map(|controller| controller.name()));
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    format!("{}: {}{about}: {}", finding.severity.name(), finding.id, finding.what)
}

const SCHEMA: &str = "diskwright-check/1";
