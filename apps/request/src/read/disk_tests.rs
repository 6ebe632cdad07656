use diskwright_core::profile::{
    ByteSize, DiskRequest, FileSystemKind, LogicalVolumeRequest, PartitionRequest, Profile, TableKind,
    VolumeGroupRequest,
};
use diskwright_core::{Error, Result};

use crate::*;

fn parse(table: &str) -> Result<ImageRequest> {
    let document =
        format!("<image><installProfile><partitionTable>{table}</partitionTable></installProfile></image>");
    ImageRequest::parse(document.as_bytes())
}

fn fields(error: &Error) -> Vec<&str> {
    let named = std::iter::once(error).chain(error.also()).filter_map(Error::field);
    named.map(|field| field.strip_prefix("installProfile.partitionTable.").unwrap()).collect()
}

fn mounted(mount_point: &str) -> PartitionRequest {
    PartitionRequest { mount_point: Some(mount_point.into()), ..Default::default() }
}

#[test]
fn disks_stand_in_the_order_of_their_names() {
    let request = parse(
        "<disks><disk><name>sdb</name><size>2048</size><partitions><partition><mpoint>/home</mpoint></partition>
           <partition><fstype>linux-swap</fstype><size>512</size></partition></partitions></disk>
         <disk><name>sda</name><partitionType>MSDOS</partitionType><size>4096</size><partitions>
           <partition><mpoint>/</mpoint></partition></partitions></disk></disks>",
    );
    let profile = request.unwrap().profile;
    assert_eq!(profile.disk_size, ByteSize::from_mib(4096));
    assert_eq!(profile.partition_table, Some(TableKind::Mbr));
    assert_eq!(profile.partitions.unwrap(), [mounted("/")]);
    let swap = PartitionRequest {
        file_system: Some(FileSystemKind::Swap),
        size: ByteSize::from_mib(512),
        ..Default::default()
    };
    let second = DiskRequest {
        size: ByteSize::from_mib(2048),
        // A GPT has no name.
        partition_table: Some(TableKind::Gpt),
        partitions: vec![mounted("/home"), swap],
    };
    assert_eq!(profile.further_disks.unwrap(), [second]);
}

#[test]
fn a_group_has_partitions_of_several_disks_and_whole_disks_but_the_first() {
    let request = parse(
        "<disks><disk><partitions><partition><fstype>lvm2</fstype><uri>p/1</uri></partition></partitions></disk>
         <disk><partitions><partition><fstype>lvm2</fstype><size>1024</size><uri>p/2</uri></partition></partitions></disk>
         <disk><partitionType>LVM</partitionType><size>2048</size><uri>d/3</uri></disk></disks>
         <logicalGroups><logicalGroup><name>vg</name><partitionUris><uri>p/1</uri><uri>p/2</uri></partitionUris>
           <diskUris><uri>d/3</uri></diskUris></logicalGroup></logicalGroups>
         <logicalVolumes><logicalVolume><name>root</name><volumes><volume><mpoint>/</mpoint></volume></volumes></logicalVolume>
         </logicalVolumes>",
    )
    .unwrap();
    let of_group = |size: Option<u64>, grow| PartitionRequest {
        volume_group: Some("vg".into()),
        size: size.and_then(ByteSize::from_mib),
        grow,
        ..Default::default()
    };
    assert_eq!(request.profile.partitions.unwrap(), [of_group(None, None)]);
    let further = request.profile.further_disks.unwrap();
    assert_eq!(further[0].partitions, [of_group(Some(1024), None)]);
    assert_eq!(further[1].partitions, [of_group(None, Some(true))]);
    assert!(request.notes.iter().any(|note| note.contains("disks.disk[2]")), "{:?}", request.notes);
}

#[test]
fn what_a_further_disk_cannot_have_is_refused_by_name() {
    let error = parse(
        "<disks><disk><blockSize>512</blockSize></disk><disk><blockSize>4096</blockSize></disk>
         <disk><partitionType>LVM</partitionType><uri>d/3</uri><partitions><partition/></partitions></disk></disks>
         <logicalGroups><logicalGroup><name>vg</name><diskUri>d/1</diskUri></logicalGroup></logicalGroups>",
    );
    let expected = [
        "disks.disk[1].blockSize",
        "disks.disk[2]",
        "logicalGroups.logicalGroup[0].diskUri",
        "disks.disk[2]",
        "disks.disk[1]",
    ];
    assert_eq!(fields(&error.unwrap_err()), expected);
}

#[test]
fn a_profile_with_several_disks_survives_both_written_forms() {
    let physical = |size| PartitionRequest { volume_group: Some("a".into()), size, ..Default::default() };
    let volume = LogicalVolumeRequest {
        name: "root".into(),
        mount_point: Some("/".into()),
        file_system: Some(FileSystemKind::Ext4),
        ..Default::default()
    };
    let disk = |table, partitions| DiskRequest {
        size: ByteSize::from_mib(3072),
        partition_table: Some(table),
        partitions,
    };
    let profile = Profile {
        partition_table: Some(TableKind::Mbr),
        partitions: Some(vec![mounted("/boot"), physical(None)]),
        further_disks: Some(vec![
            disk(TableKind::Gpt, vec![mounted("/srv"), physical(ByteSize::from_mib(64))]),
            disk(TableKind::Mbr, vec![physical(ByteSize::from_mib(1024))]),
        ]),
        volume_groups: Some(vec![VolumeGroupRequest {
            name: "a".into(),
            extent_size: None,
            volumes: vec![volume],
        }]),
        ..Default::default()
    };
    let request = ImageRequest { profile: profile.clone(), ..Default::default() };
    for syntax in [Syntax::Xml, Syntax::Json] {
        let written = request.to_image().unwrap().render(syntax);
        assert_eq!(ImageRequest::parse(written.as_bytes()).unwrap().profile, profile, "{written}");
    }
    let six = vec![disk(TableKind::Gpt, vec![mounted("/srv")]); 6];
    let seven_disks = Profile { further_disks: Some(six), ..Default::default() };
    let request = ImageRequest { profile: seven_disks, ..Default::default() };
    assert_eq!(request.to_image().unwrap_err().field(), Some("further_disks[5]"));
}
