//! Disks beside the first, as flags give them.

use std::str::FromStr;

use diskwright::profile::{ByteSize, DiskRequest, FileSystemKind, PartitionRequest, TableKind};

use crate::failure::Failure;

/// A disk by its keys and values.
///
/// # Errors
/// `Failure::Usage` for what is not of that form.
pub(crate) fn further_disk(text: &str) -> Result<DiskRequest, Failure> {
    let mut disk = DiskRequest::default();
    for part in text.split(',') {
        let wrong = |what: &str| Failure::Usage(format!("--further-disk: {part:?} {what}"));
        let (key, value) = part.split_once('=').ok_or_else(|| wrong("is not of the form KEY=VALUE"))?;
        let size = |text: &str| ByteSize::from_str(text).map_err(|_| wrong("has no size, as in 20G"));
        match key {
            "size" => disk.size = Some(size(value)?),
            "table" => {
                let table = TableKind::from_str(value).map_err(|_| wrong("is none of gpt, mbr"))?;
                disk.partition_table = Some(table);
            }
            "partition" => {
                let mut request = PartitionRequest::default();
                let (place, rest) = match value.strip_prefix("lvm:") {
                    Some(group) => {
                        let (group, rest) = divided(group);
                        request.volume_group = Some(group.to_owned());
                        ("lvm", rest)
                    }
                    None => divided(value),
                };
                match place {
                    "lvm" => {}
                    "swap" => request.file_system = Some(FileSystemKind::Swap),
                    mount_point => request.mount_point = Some(mount_point.to_owned()),
                }
                request.size = rest.map(size).transpose()?;
                disk.partitions.push(request);
            }
            _ => return Err(wrong("has none of the keys size, table, partition")),
        }
    }
    Ok(disk)
}

/// What stands before the last colon, and what behind it.
fn divided(text: &str) -> (&str, Option<&str>) {
    text.rsplit_once(':').map_or((text, None), |(before, behind)| (before, Some(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_size_table_and_partitions_in_their_order() {
        let disk = further_disk("size=20G,table=mbr,partition=/home,partition=swap:2G,partition=lvm:data:1G")
            .unwrap();
        assert_eq!((disk.size, disk.partition_table), (ByteSize::from_mib(20 << 10), Some(TableKind::Mbr)));
        let [home, swap, data] = disk.partitions.as_slice() else { panic!("{disk:?}") };
        assert_eq!((home.mount_point.as_deref(), home.size), (Some("/home"), None));
        assert_eq!((swap.file_system, swap.size), (Some(FileSystemKind::Swap), ByteSize::from_mib(2048)));
        assert_eq!((data.volume_group.as_deref(), data.size), (Some("data"), ByteSize::from_mib(1024)));
    }

    #[test]
    fn what_is_no_disk_is_refused_with_the_part_that_is_wrong() {
        for (text, part) in [
            ("size=20", "size=20"),
            ("20G", "20G"),
            ("table=bsd", "table=bsd"),
            ("size=1G,mount=/srv", "mount=/srv"),
            ("partition=/srv:large", "partition=/srv:large"),
        ] {
            let Err(Failure::Usage(message)) = further_disk(text) else { panic!("{text}") };
            assert!(message.contains(part), "{message}");
        }
    }
}
