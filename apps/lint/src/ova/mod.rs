//! OVA: a tar archive of a descriptor, its manifest and its disks.

pub(crate) mod manifest;
mod members;

use std::io;

use diskwright_core::{ReadAt, Result};

use crate::beside::{Beside, is_plain};
use crate::bytes::Section;
use crate::report::{Findings, Location, shown};
use crate::rules::ova as rules;
use crate::{ovf, tar};
use members::Member;

/// Checks the archive and everything in it.
pub(crate) fn check(source: &dyn ReadAt, f: &mut Findings) -> Result<()> {
    let archive = Archive { source, members: members::read_members(source, f)? };
    check_names(&archive.members, f);
    let mut descriptors = archive.members.iter().filter(|member| has_extension(&member.name, "ovf"));
    let Some(descriptor) = descriptors.next() else {
        f.add(&rules::OVF_FIRST, Location::Whole, "there is no descriptor among the members");
        return Ok(());
    };
    if let Some(second) = descriptors.next() {
        let text = format!("\"{}\" is a second descriptor", shown(&second.name));
        f.add(&rules::ONE_DESCRIPTOR, Location::Offset(second.header), text);
    }
    if let Some(first) = archive.members.first().filter(|first| first.name != descriptor.name) {
        let text = format!("the first member is \"{}\"", shown(&first.name));
        f.add(&rules::OVF_FIRST, Location::Offset(first.header), text);
    }
    let part = archive.part(descriptor);
    let references = f.in_file(&descriptor.name, |f| ovf::check(&part, &archive, f))?;
    check_order(&archive.members, descriptor, &references, f);
    if let Some(member) = archive.members.iter().find(|member| has_extension(&member.name, "mf")) {
        let part = archive.part(member);
        let package: Vec<&str> =
            std::iter::once(descriptor.name.as_str()).chain(references.iter().map(String::as_str)).collect();
        f.in_file(&member.name, |f| manifest::check(&member.name, &part, &archive, &package, f))?;
    }
    Ok(())
}

struct Archive<'a> {
    source: &'a dyn ReadAt,
    members: Vec<Member>,
}

impl Archive<'_> {
    fn part(&self, member: &Member) -> Section<'_> {
        Section::new(self.source, member.data, member.size)
    }
}

impl Beside for Archive<'_> {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn ReadAt + '_>>> {
        let found = self.members.iter().find(|member| member.name == name);
        Ok(found.map(|member| Box::new(self.part(member)) as Box<dyn ReadAt + '_>))
    }
}

fn check_names(members: &[Member], f: &mut Findings) {
    let names = members.iter().map(|member| (member.name.as_str(), member.header));
    tar::check_repeated(names, &rules::DUPLICATE_MEMBER, f);
    for member in members.iter().filter(|member| !is_plain(&member.name)) {
        let text = format!("a member is named \"{}\"", shown(&member.name));
        f.add(&rules::FLAT_NAMES, Location::Offset(member.header), text);
    }
}

fn check_order(members: &[Member], descriptor: &Member, references: &[String], f: &mut Findings) {
    let stem = stem(&descriptor.name);
    let is_seal = |member: &Member| has_extension(&member.name, "mf") || has_extension(&member.name, "cert");
    for member in members.iter().filter(|member| is_seal(member)) {
        if !self::stem(&member.name).eq_ignore_ascii_case(stem) {
            let text = format!("\"{}\" has not the descriptor's name", shown(&member.name));
            f.add(&rules::BASE_NAME, Location::Offset(member.header), text);
        }
    }
    // Whatever stands between the first member and the end is either seals then files, or files then seals.
    let rest = members.get(1..).unwrap_or_default();
    let seals: Vec<bool> = rest.iter().map(is_seal).collect();
    let is_in_front = seals.is_sorted_by_key(|seal| !seal);
    if !is_in_front && !seals.is_sorted() {
        let at = rest.iter().find(|member| is_seal(member)).map_or(0, |member| member.header);
        f.add(&rules::MANIFEST_PLACE, Location::Offset(at), "the manifest stands between other files");
    }
    let files: Vec<&Member> = members.iter().filter(|member| references.contains(&member.name)).collect();
    let places: Vec<Option<usize>> =
        files.iter().map(|member| references.iter().position(|name| *name == member.name)).collect();
    if !places.is_sorted() {
        let at = files.first().map_or(0, |member| member.header);
        f.add(&rules::MEMBER_ORDER, Location::Offset(at), "the files are not in the order of the references");
    }
}

/// Whether a name has that extension, in whatever case.
pub(crate) fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, own)| own.eq_ignore_ascii_case(extension))
}

/// A name without its extension.
pub(crate) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
