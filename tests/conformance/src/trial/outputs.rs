use diskwright_core::engine::Report;
use diskwright_core::format::{Access, OutputRole, OutputSpec};

use super::Problem;
use crate::corpus::Disk;
use crate::recorder::RecordedOutput;
use crate::run::{Run, machine};
use crate::subject::{Subject, Writing};

/// Of disks with everything, nothing and noise alone, under a short name and the longest.
pub(super) fn as_planned(subject: &Subject) -> Result<(), Problem> {
    let size = subject.size_of_at_least(5 << 20);
    let noise = crate::corpus::noise(size.min(32 << 20) as usize, 7);
    let noise = Disk { size, parts: vec![(0, noise)] };
    for (name, disk) in
        [("m", subject.random_disk(41, 5 << 20)), ("a.Name-with_64", Disk::zero(size)), (LONG_NAME, noise)]
    {
        let machine = machine(name, "outputs");
        let layout = disk.layout();
        let plan = subject.format()?.plan(&machine, std::slice::from_ref(&layout))?;
        let planned = plan.outputs().to_vec();
        names_are_sound(&planned, name)?;
        let finished = Run::new().with_machine(machine).succeed(subject, vec![layout])?;
        let recording = finished.recording();
        let created: Vec<&OutputSpec> = recording.outputs.iter().map(|output| &output.spec).collect();
        if created != planned.iter().collect::<Vec<_>>() {
            return Err(Problem::failed(format!("planned were {planned:?}, written {created:?}")));
        }
        recording.outputs.iter().try_for_each(|output| bounds_are_kept(subject, output))?;
    }
    Ok(())
}

/// With one thread every write of a stream is in order.
pub(super) fn stream_order(subject: &Subject) -> Result<(), Problem> {
    let disk = subject.random_disk(42, 6 << 20);
    for threads in [1, 2] {
        let finished = Run::new().with_threads(threads).succeed(subject, vec![disk.layout()])?;
        for output in &finished.recording().outputs {
            let name = &output.spec.name;
            if output.spec.access == Access::Stream
                && threads == 1
                && let Some((what, offset)) = output.disorder
            {
                return Err(Problem::failed(format!("{name}: {what} at offset {offset:#x}")));
            }
            let mut end = 0;
            for (start, bytes) in &output.content {
                if *start < end {
                    return Err(Problem::failed(format!("{name}: byte {start:#x} is written twice")));
                }
                end = start + bytes.len() as u64;
            }
            let kept: u64 = output.content.values().map(|bytes| bytes.len() as u64).sum();
            if kept != output.written {
                return Err(Problem::failed(format!("{name}: some bytes are written twice")));
            }
        }
    }
    Ok(())
}

fn names_are_sound(planned: &[OutputSpec], machine: &str) -> Result<(), Problem> {
    if planned.is_empty() {
        return Err(Problem::failed("the plan has no output"));
    }
    for (at, spec) in planned.iter().enumerate() {
        let name = &spec.name;
        let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !name.bytes().all(is_sound) || !name.starts_with(machine) || name.as_str() == machine {
            return Err(Problem::failed(format!(
                "{name:?} is not {machine} with an ending of [A-Za-z0-9._-]"
            )));
        }
        if planned[..at].iter().any(|other| other.name.eq_ignore_ascii_case(name))
            || name == Report::FILE_NAME
        {
            return Err(Problem::failed(format!("the name {name} is taken already")));
        }
        if spec.role == OutputRole::Report {
            return Err(Problem::failed(format!("{name} claims to be the engine's report")));
        }
    }
    Ok(())
}

fn bounds_are_kept(subject: &Subject, output: &RecordedOutput) -> Result<(), Problem> {
    let OutputSpec { name, size_bound, access, .. } = &output.spec;
    let Some(len) = output.len else {
        return Err(Problem::failed(format!("{name} was not finished")));
    };
    if len > *size_bound {
        return Err(Problem::failed(format!("{name} has {len} bytes, its bound is {size_bound}")));
    }
    if output.content.iter().any(|(start, bytes)| start + bytes.len() as u64 > len) {
        return Err(Problem::failed(format!("{name} was written past its end at {len}")));
    }
    if subject.writing == Writing::Streams && *access != Access::Stream {
        return Err(Problem::failed(format!("{name} is no stream, though all outputs are declared as such")));
    }
    Ok(())
}

const LONG_NAME: &str = "The-longest.name_that-a.machine_has-is-of-sixty-four-characters4";
