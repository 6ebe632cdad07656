use super::report::hex;
use super::{Digests, Order, OutputEntry, Report};
use crate::format::{Access, ImagePlan, Machine, OutputRole, OutputSpec, TargetFormat};
use crate::layout::DiskLayout;
use crate::pipeline::{OutputDigest, OutputResult, Target};
use crate::sink::Sink;
use crate::{Error, ErrorKind, Result};

/// What one format will write.
pub(super) struct PlannedTarget {
    pub(super) format: &'static str,
    pub(super) plan: Box<dyn ImagePlan>,
}

/// Plans all targets; where two would write one name, each writes `NAME-FORMATID`.
pub(super) fn plan_targets(
    order: &Order,
    machine: &Machine,
    disks: &[DiskLayout],
) -> Result<Vec<PlannedTarget>> {
    if order.targets.is_empty() {
        let text = "an order has at least one target format";
        return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("targetFormat"));
    }
    let plan = |machine: &dyn Fn(&'static str) -> Machine| -> Result<Vec<PlannedTarget>> {
        let mut targets = Vec::new();
        for target in &order.targets {
            let format = target.info().id;
            let machine = machine(format);
            let plan = target.plan(&machine, disks);
            let plan = plan.map_err(|refusal| name_disk(refusal, target.as_ref(), &machine, disks))?;
            targets.push(PlannedTarget { format, plan });
        }
        Ok(targets)
    };
    let planned = plan(&|_| machine.clone())?;
    if !names_clash(&planned) {
        return Ok(planned);
    }
    let renamed = plan(&|format| Machine { name: format!("{}-{format}", machine.name), ..machine.clone() })?;
    if names_clash(&renamed) {
        let text = "two targets of the order would write the same file";
        return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("targetFormat"));
    }
    Ok(renamed)
}

/// A refusal of a disk's size with the field of that disk: of several the first that is refused alone, too.
fn name_disk(refusal: Error, target: &dyn TargetFormat, machine: &Machine, disks: &[DiskLayout]) -> Error {
    if refusal.field() != Some("disk_size") {
        return refusal;
    }
    let is_meant = |disk: &DiskLayout| {
        target.plan(machine, std::slice::from_ref(disk)).is_err_and(|error| error.field() == refusal.field())
    };
    match disks.iter().position(is_meant).and_then(|at| at.checked_sub(1)) {
        None => refusal,
        Some(further) => refusal.map_fields(&|_| format!("further_disks[{further}].size")),
    }
}

fn names_clash(targets: &[PlannedTarget]) -> bool {
    let mut names: Vec<&str> =
        targets.iter().flat_map(|target| target.plan.outputs()).map(|spec| spec.name.as_str()).collect();
    names.push(Report::FILE_NAME);
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// The id of a target's format, and what it writes.
pub(super) type TargetOutputs = (&'static str, Vec<OutputSpec>);

/// Creates all outputs. They get a plain SHA-256 where it is asked for, and by default packages that are written from front
/// to back.
pub(super) fn begin(
    targets: Vec<PlannedTarget>,
    digests: Digests,
    sink: &mut dyn Sink,
) -> Result<(Vec<TargetOutputs>, Vec<Target>)> {
    let mut names = Vec::new();
    let mut writers = Vec::new();
    for PlannedTarget { format, plan } in targets {
        let specs = plan.outputs().to_vec();
        let mut outputs = Vec::new();
        for spec in &specs {
            outputs.push((spec, sink.create(spec)?));
        }
        let wants_sha256 = |spec: &OutputSpec| match digests {
            Digests::All => true,
            Digests::Downloadable => spec.role == OutputRole::Package && spec.access == Access::Stream,
        };
        writers.push(Target::new(plan.start()?, outputs, wants_sha256)?);
        names.push((format, specs));
    }
    Ok((names, writers))
}

pub(super) fn output_entries(names: &[TargetOutputs], results: &[Vec<OutputResult>]) -> Vec<OutputEntry> {
    let mut entries = Vec::new();
    for ((format, specs), results) in names.iter().zip(results) {
        for (spec, result) in specs.iter().zip(results) {
            let (tree_digest, sha256) = match &result.digest {
                OutputDigest::Tree(digest) => (Some(format!("blake3:{}", digest.to_hex())), None),
                OutputDigest::Sha256(digest) => (None, Some(hex(digest))),
            };
            let (path, role, length) = (spec.name.clone(), spec.role, result.len);
            entries.push(OutputEntry { path, role, format, length, tree_digest, sha256 });
        }
    }
    entries
}

pub(super) fn report_spec() -> OutputSpec {
    OutputSpec {
        name: Report::FILE_NAME.to_owned(),
        role: OutputRole::Report,
        size_bound: u64::MAX,
        access: Access::Stream,
    }
}
