use diskwright_core::profile::{LogicalVolumeRequest, PartitionRequest, VolumeGroupRequest};

use super::element::Element;
use super::fields::{Fields, Findings};
use super::partitions::{ListedDisk, content, file_system_name};
use crate::text::quoted;

/// A partition of the kind lvm2, or a disk of the kind LVM, that was read: the disk, the place among its partitions, and the
/// URI by which groups name it.
pub(super) struct Physical<'e> {
    pub(super) disk: usize,
    pub(super) at: usize,
    /// Whether the URI is that of the disk.
    pub(super) is_disk: bool,
    pub(super) place: String,
    pub(super) uri: Option<&'e str>,
}

impl Physical<'_> {
    /// What was read of it.
    fn request_in<'a>(&self, disks: &'a mut [ListedDisk]) -> Option<&'a mut PartitionRequest> {
        disks.get_mut(self.disk)?.request.partitions.get_mut(self.at)
    }
}

/// Reads the groups and volumes of a partition table; the partitions of the kind lvm2 get their group.
///
/// A group names its partitions, and a volume its group, by URI; where there is but one group, either may be left out.
pub(super) fn read(
    table: &mut Fields<'_>,
    physical: &[Physical<'_>],
    disks: &mut [ListedDisk],
    findings: &mut Findings,
) -> Vec<VolumeGroupRequest> {
    let listed = table.list("logicalGroups", "logicalGroup", findings);
    let only = listed.len() == 1;
    let mut groups: Vec<(Option<&str>, VolumeGroupRequest)> = Vec::new();
    for (place, element) in &listed {
        groups.push(read_group(place, element, only, physical, disks, findings));
    }
    for one in physical {
        if one.request_in(disks).is_some_and(|partition| partition.volume_group.is_none()) {
            let what = if one.is_disk { "a disk of the kind LVM" } else { "a partition of the kind lvm2" };
            findings.invalid(&one.place, format!("{what} that no volume group names"));
        }
    }
    for (place, element) in table.list("logicalVolumes", "logicalVolume", findings) {
        read_volumes(&place, element, &mut groups, findings);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn read_group<'e>(
    place: &str,
    element: &'e Element,
    only: bool,
    physical: &[Physical<'_>],
    disks: &mut [ListedDisk],
    findings: &mut Findings,
) -> (Option<&'e str>, VolumeGroupRequest) {
    let mut fields = Fields::new(place, element, findings);
    let [name, older] = ["name", "groupName"].map(|field| fields.short_text(field, findings));
    if let (Some(name), Some(older)) = (&name, &older)
        && name != older
    {
        let message = format!("{}, but name says {}", quoted(older), quoted(name));
        findings.invalid(&fields.place("groupName"), message);
    }
    let name = name.or(older).unwrap_or_default();
    if name.is_empty() {
        findings.invalid(&fields.place("name"), "is missing");
    }
    let uri = fields.text("uri", findings);
    let mut uris: Vec<&str> = fields.text("partitionUri", findings).into_iter().collect();
    let listed = fields.list("partitionUris", "uri", findings);
    uris.extend(listed.iter().map(|(_, element)| element.text.as_str()));
    for wanted in &uris {
        if !physical.iter().any(|one| !one.is_disk && one.uri == Some(wanted)) {
            let message = format!("{} is the URI of no partition of the kind lvm2", quoted(wanted));
            findings.invalid(&fields.place("partitionUris"), message);
        }
    }
    let mut of_disks: Vec<(&str, &str)> =
        fields.text("diskUri", findings).map(|uri| ("diskUri", uri)).into_iter().collect();
    let listed = fields.list("diskUris", "uri", findings);
    of_disks.extend(listed.iter().map(|(_, element)| ("diskUris", element.text.as_str())));
    for (field, wanted) in &of_disks {
        if !physical.iter().any(|one| one.is_disk && one.uri == Some(wanted)) {
            let message = "only a disk of the kind LVM beside the first is a physical volume as a whole: the first has no room \
                           for a boot loader then";
            findings.unsupported(&fields.place(field), message);
        }
    }
    let none_named = uris.is_empty() && of_disks.is_empty();
    uris.extend(of_disks.iter().map(|(_, uri)| uri));
    for one in physical {
        let is_meant = one.uri.is_some_and(|uri| uris.contains(&uri)) || (only && none_named);
        let Some(partition) = one.request_in(disks).filter(|_| is_meant) else { continue };
        if partition.volume_group.is_some() {
            findings.invalid(&one.place, "two volume groups name the partition");
        }
        partition.volume_group = Some(name.clone());
    }
    fields.finish(&["partitionTableUri"], findings);
    (uri, VolumeGroupRequest { name, ..VolumeGroupRequest::default() })
}

/// A logical volume with what is in it; several things in one are volumes of their own, by their names.
fn read_volumes(
    place: &str,
    element: &Element,
    groups: &mut [(Option<&str>, VolumeGroupRequest)],
    findings: &mut Findings,
) {
    let mut fields = Fields::new(place, element, findings);
    let name = fields.short_text("name", findings);
    let wanted = fields.text("groupUri", findings);
    let listed = fields.list("volumes", "volume", findings);
    fields.finish(&["partitionTableUri", "volumesUri", "volumeUris"], findings);
    let only = groups.len() == 1;
    let found = groups.iter_mut().find(|(uri, _)| match wanted {
        Some(wanted) => *uri == Some(wanted),
        None => only,
    });
    let Some((_, group)) = found else {
        let message = match wanted {
            Some(uri) => format!("{} is the URI of no volume group", quoted(uri)),
            None => "is missing: there is not just one volume group".to_owned(),
        };
        findings.invalid(&format!("{place}.groupUri"), message);
        return;
    };
    if listed.is_empty() {
        findings.invalid(&format!("{place}.volumes"), "a logical volume without a file system or swap");
    }
    let single = listed.len() == 1;
    for (place, element) in listed {
        let own = name.clone().filter(|_| single);
        group.volumes.extend(read_volume(&place, element, own, findings));
    }
}

fn read_volume(
    place: &str,
    element: &Element,
    name: Option<String>,
    findings: &mut Findings,
) -> Option<LogicalVolumeRequest> {
    let mut fields = Fields::new(place, element, findings);
    let own = fields.short_text("name", findings);
    let Some(name) = name.or(own) else {
        findings.invalid(&fields.place("name"), "is missing");
        return None;
    };
    let file_system = file_system_name(&mut fields, findings);
    let PartitionRequest { mount_point, size, grow, label, .. } = content(&mut fields, file_system, findings);
    fields.refuse_when(true, &["mbrBoot", "defaultSubvolume"], findings);
    fields.refuse(&["logicalPartitions"], findings);
    fields.finish(super::partitions::ECHOED_PARTITION, findings);
    Some(LogicalVolumeRequest { name, mount_point, file_system, size, grow, label })
}
