//! Disks, partitions and logical volumes, as flags give them.

use std::fmt::Display;
use std::str::FromStr;

use clap::Args;
use diskwright::profile::{
    ByteSize, DiskRequest, FileSystemKind, LogicalVolumeRequest, PartitionFlag, PartitionRequest,
    PartitionRole, Profile, TableKind, VolumeGroupRequest,
};

use crate::failure::Failure;

/// What is on the disks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Disks")]
pub(crate) struct DiskArguments {
    /// A partition of the first disk, in the place of the usual ones; repeatable, in their order. PLACE is a mount point, `swap`,
    /// `esp`, `bios-boot` or `lvm:GROUP` (/home, swap:2G). Keys: file-system, label, grow, flags (A+B). With this option, --volume or
    /// --further-disk no list of partitions, disks or groups of a request or profile is used
    #[arg(long, value_name = "PLACE[:SIZE][,KEY=VALUE]…")]
    partition: Vec<String>,

    /// A logical volume of a group to which a partition belongs; repeatable, in their order. PLACE is a mount point or `swap`.
    /// Keys: file-system, label, grow
    #[arg(long, value_name = "GROUP/NAME=PLACE[:SIZE][,KEY=VALUE]…")]
    volume: Vec<String>,

    /// Bytes of a group's extents, as in system=8M; repeatable [default: 4M]
    #[arg(long, value_name = "GROUP=SIZE")]
    extent_size: Vec<String>,

    /// A disk beside the first; repeatable. Keys: size, table (gpt, mbr), and any number of times partition, with PLACE[:SIZE] as
    /// --partition has it, and behind it the keys of that partition
    #[arg(long, value_name = "KEY=VALUE[,KEY=VALUE]…")]
    further_disk: Vec<String>,
}

impl DiskArguments {
    /// Puts what the flags ask into a profile.
    ///
    /// # Errors
    /// `Failure::Usage` for what is not of the form that its flag takes.
    pub(crate) fn add_to(&self, profile: &mut Profile) -> Result<(), Failure> {
        let partitions: Vec<_> =
            self.partition.iter().map(|text| partition(text)).collect::<Result<_, _>>()?;
        let further: Vec<_> =
            self.further_disk.iter().map(|text| further_disk(text)).collect::<Result<_, _>>()?;
        let groups = volume_groups(&self.volume, &self.extent_size)?;
        profile.partitions = Some(partitions).filter(|list| !list.is_empty());
        profile.further_disks = Some(further).filter(|list| !list.is_empty());
        profile.volume_groups = Some(groups).filter(|list| !list.is_empty());
        Ok(())
    }
}

/// What is wrong with a part of a flag's value.
struct Complaint<'a> {
    flag: &'static str,
    part: &'a str,
}

impl Complaint<'_> {
    fn is(&self, what: impl Display) -> Failure {
        Failure::Usage(format!("{}: {:?} {what}", self.flag, self.part))
    }

    fn size(&self, text: &str) -> Result<ByteSize, Failure> {
        ByteSize::from_str(text).map_err(|_| self.is("has no size, as in 20G"))
    }

    /// Puts a value where none is yet.
    fn set<T>(&self, place: &mut Option<T>, value: T) -> Result<(), Failure> {
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.is("says again what was said before")),
        }
    }
}

fn partition(text: &str) -> Result<PartitionRequest, Failure> {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let mut request = placed(first, &Complaint { flag: "--partition", part: first })?;
    for part in parts {
        detail(&mut request, part, &Complaint { flag: "--partition", part })?;
    }
    Ok(request)
}

fn further_disk(text: &str) -> Result<DiskRequest, Failure> {
    let mut disk = DiskRequest::default();
    for part in text.split(',') {
        let complaint = Complaint { flag: "--further-disk", part };
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match (key, disk.partitions.last_mut()) {
            ("partition", _) => disk.partitions.push(placed(value, &complaint)?),
            (_, Some(request)) => detail(request, part, &complaint)?,
            ("size", None) => complaint.set(&mut disk.size, complaint.size(value)?)?,
            ("table", None) => {
                let table = TableKind::from_str(value).map_err(|_| complaint.is("is none of gpt, mbr"))?;
                complaint.set(&mut disk.partition_table, table)?;
            }
            (_, None) => return Err(complaint.is("is none of size=, table= and partition=")),
        }
    }
    Ok(disk)
}

fn volume_groups(volumes: &[String], extents: &[String]) -> Result<Vec<VolumeGroupRequest>, Failure> {
    let mut groups: Vec<VolumeGroupRequest> = Vec::new();
    for text in volumes {
        let mut parts = text.split(',');
        let first = parts.next().unwrap_or_default();
        let complaint = Complaint { flag: "--volume", part: first };
        let named = first.split_once('=').and_then(|(name, place)| Some((name.split_once('/')?, place)));
        let ((group, name), place) = named.ok_or_else(|| complaint.is("is not GROUP/NAME=PLACE"))?;
        let mut request = placed(place, &complaint)?;
        for part in parts {
            detail(&mut request, part, &Complaint { flag: "--volume", part })?;
        }
        let PartitionRequest { mount_point, role, file_system, volume_group, size, grow, label, flags } =
            request;
        if role.is_some() || volume_group.is_some() || flags.is_some() {
            return Err(complaint.is("is for a mount point or swap, and has no flags"));
        }
        let volume =
            LogicalVolumeRequest { name: name.to_owned(), mount_point, file_system, size, grow, label };
        match groups.iter_mut().find(|known| known.name == group) {
            Some(known) => known.volumes.push(volume),
            None => {
                groups.push(VolumeGroupRequest {
                    name: group.to_owned(),
                    extent_size: None,
                    volumes: vec![volume],
                });
            }
        }
    }
    for text in extents {
        let complaint = Complaint { flag: "--extent-size", part: text };
        let (name, size) = text.split_once('=').ok_or_else(|| complaint.is("is not GROUP=SIZE"))?;
        let group = groups.iter_mut().find(|group| group.name == name);
        let group = group.ok_or_else(|| complaint.is("names no group of a --volume"))?;
        complaint.set(&mut group.extent_size, complaint.size(size)?)?;
    }
    Ok(groups)
}

/// A partition by `PLACE[:SIZE]`.
fn placed(text: &str, complaint: &Complaint<'_>) -> Result<PartitionRequest, Failure> {
    let mut request = PartitionRequest::default();
    let size = match text.strip_prefix("lvm:") {
        Some(group) => {
            let (group, size) = divided(group);
            request.volume_group = Some(group.to_owned());
            size
        }
        None => {
            let (place, size) = divided(text);
            match place {
                "swap" => request.file_system = Some(FileSystemKind::Swap),
                "esp" => request.role = Some(PartitionRole::Esp),
                "bios-boot" => request.role = Some(PartitionRole::BiosBoot),
                mount_point if mount_point.starts_with('/') => {
                    request.mount_point = Some(mount_point.to_owned())
                }
                _ => {
                    return Err(
                        complaint.is("names no place: a mount point, swap, esp, bios-boot, lvm:GROUP")
                    );
                }
            }
            size
        }
    };
    request.size = size.map(|size| complaint.size(size)).transpose()?;
    Ok(request)
}

/// A key of a partition, with its value; `grow` stands for `grow=true`.
fn detail(request: &mut PartitionRequest, part: &str, complaint: &Complaint<'_>) -> Result<(), Failure> {
    let (key, value) = part.split_once('=').unwrap_or((part, "true"));
    match key {
        "file-system" => {
            let kind = FileSystemKind::from_str(value).map_err(|error| complaint.is(error))?;
            complaint.set(&mut request.file_system, kind)
        }
        "label" => complaint.set(&mut request.label, value.to_owned()),
        "grow" => {
            let grow = value.parse::<bool>().map_err(|_| complaint.is("is neither true nor false"))?;
            complaint.set(&mut request.grow, grow)
        }
        "flags" => {
            let flags = value.split('+').map(PartitionFlag::from_str).collect::<Result<_, _>>();
            complaint.set(&mut request.flags, flags.map_err(|error| complaint.is(error))?)
        }
        _ => Err(complaint.is("has none of the keys file-system, label, grow, flags")),
    }
}

/// What stands before the last colon, and what behind it.
fn divided(text: &str) -> (&str, Option<&str>) {
    text.rsplit_once(':').map_or((text, None), |(before, behind)| (before, Some(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The profile of flags, each `--FLAG=VALUE`.
    fn profile(flags: &[&str]) -> Result<Profile, Failure> {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            disks: DiskArguments,
        }
        let flags: Flags = clap::Parser::parse_from(std::iter::once(&"diskwright").chain(flags));
        let mut profile = Profile::default();
        flags.disks.add_to(&mut profile).map(|()| profile)
    }

    #[test]
    fn flags_say_what_a_document_says() {
        let flags = profile(&[
            "--partition=bios-boot:1M",
            "--partition=/boot/efi:64M,file-system=fat32,label=ESP,flags=required+no-auto",
            "--partition=swap",
            "--partition=lvm:system,grow",
            "--volume=system/root=/:2G,grow=true,label=all",
            "--volume=other/mail=/var/mail,file-system=ext3",
            "--volume=system/pages=swap:64M,grow=false",
            "--extent-size=system=8M",
            "--further-disk=size=20G,table=mbr,partition=/home,label=homes,flags=active,partition=swap:2G,partition=lvm:other:1G",
            "--further-disk=partition=/srv",
        ]);
        let document = br#"{"partitions": [
            {"role": "bios-boot", "size": "1M"},
            {"mount_point": "/boot/efi", "size": "64M", "file_system": "fat32", "label": "ESP",
             "flags": ["required", "no-auto"]},
            {"file_system": "swap"}, {"volume_group": "system", "grow": true}],
            "volume_groups": [
            {"name": "system", "extent_size": "8M", "volumes": [
                {"name": "root", "mount_point": "/", "size": "2G", "grow": true, "label": "all"},
                {"name": "pages", "file_system": "swap", "size": "64M", "grow": false}]},
            {"name": "other", "volumes": [{"name": "mail", "mount_point": "/var/mail", "file_system": "ext3"}]}],
            "further_disks": [
            {"size": "20G", "partition_table": "mbr", "partitions": [
                {"mount_point": "/home", "label": "homes", "flags": ["active"]},
                {"file_system": "swap", "size": "2G"}, {"volume_group": "other", "size": "1G"}]},
            {"partitions": [{"mount_point": "/srv"}]}]}"#;
        assert_eq!(flags.unwrap(), Profile::from_json(document).unwrap());
        assert_eq!(profile(&[]).unwrap(), Profile::default());
    }

    #[test]
    fn what_is_of_no_form_is_refused_with_the_part_that_is_wrong() {
        for (flag, part) in [
            ("--further-disk=size=20", "size=20"),
            ("--further-disk=20G", "20G"),
            ("--further-disk=table=bsd", "table=bsd"),
            ("--further-disk=size=1G,mount=/srv", "mount=/srv"),
            ("--further-disk=partition=/srv:large", "partition=/srv:large"),
            ("--further-disk=partition=/srv,size=1G", "size=1G"),
            ("--partition=home", "home"),
            ("--partition=/home,grow=much", "grow=much"),
            ("--partition=/home,file-system=zfs", "file-system=zfs"),
            ("--partition=/home,flags=active+new", "flags=active+new"),
            ("--volume=root=/", "root=/"),
            ("--volume=system/root=lvm:system", "system/root=lvm:system"),
            ("--volume=system/root=/,flags=active", "system/root=/"),
            ("--extent-size=system=8M", "system=8M"),
        ] {
            let Err(Failure::Usage(message)) = profile(&[flag]) else { panic!("{flag}") };
            assert!(message.contains(&format!("{part:?}")), "{message}");
        }
    }

    #[test]
    fn what_is_said_twice_is_refused_with_the_second() {
        for (flag, part) in [
            ("--further-disk=size=20M,size=30M,partition=/home", "size=30M"),
            ("--further-disk=table=mbr,table=gpt,partition=/home", "table=gpt"),
            ("--further-disk=partition=/home,label=a,partition=/srv,label=b,label=c", "label=c"),
            ("--partition=/home,grow,grow=false", "grow=false"),
            ("--partition=/home,flags=required,flags=no-auto", "flags=no-auto"),
            ("--partition=/home,file-system=ext4,file-system=ext3", "file-system=ext3"),
            ("--partition=swap,file-system=ext4", "file-system=ext4"),
        ] {
            let Err(Failure::Usage(message)) = profile(&[flag]) else { panic!("{flag}") };
            assert!(message.contains(&format!("{part:?} says again")), "{message}");
        }
        let extents = ["--volume=vg/root=/", "--extent-size=vg=8M", "--extent-size=vg=16M"];
        let Err(Failure::Usage(message)) = profile(&extents) else { panic!("{extents:?}") };
        assert!(message.contains("vg=16M"), "{message}");
    }
}
