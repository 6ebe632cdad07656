use diskwright_core::profile::{
    ByteSize, FileSystemKind, Layer, LogicalVolumeRequest, LvmPolicy, Origin, PartitionRequest, Profile,
    Settings, TreeFacts, VolumeGroupRequest,
};
use diskwright_core::{Error, Result};

use crate::*;

fn parse(table: &str) -> Result<Profile> {
    let document =
        format!("<image><installProfile><partitionTable>{table}</partitionTable></installProfile></image>");
    Ok(ImageRequest::parse(document.as_bytes())?.profile)
}

fn fields(error: &Error) -> Vec<&str> {
    std::iter::once(error).chain(error.also()).filter_map(Error::field).collect()
}

fn mib(mib: u64) -> Option<ByteSize> {
    ByteSize::from_mib(mib)
}

const DISK: &str = "<disks><disk><partitions>
    <partition><fstype>ext4</fstype><mpoint>/boot</mpoint><size>512</size></partition>
    <partition><fstype>lvm2</fstype><growable>true</growable><uri>p/2</uri></partition>
    <partition><fstype>lvm2</fstype><size>4096</size><uri>p/3</uri></partition></partitions></disk></disks>";

#[test]
fn volume_groups_name_partitions_and_volumes_their_group_by_uri() {
    let groups = "<logicalGroups>
        <logicalGroup><name>system</name><partitionUris><uri>p/2</uri></partitionUris><uri>g/1</uri></logicalGroup>
        <logicalGroup><groupName>data</groupName><partitionUri>p/3</partitionUri><uri>g/2</uri></logicalGroup></logicalGroups>
        <logicalVolumes><logicalVolume><groupUri>g/1</groupUri><name>root</name><volumes>
            <volume><fstype>ext4</fstype><mpoint>/</mpoint><growable>true</growable><size>0</size></volume></volumes></logicalVolume>
        <logicalVolume><groupUri>g/2</groupUri><volumes>
            <volume><fstype>ext3</fstype><label>srv</label><mpoint>/srv</mpoint><name>srv</name><size>1024</size></volume>
            <volume><fstype>linux-swap</fstype><mpoint>swap</mpoint><name>pages</name><size>512</size></volume></volumes>
        </logicalVolume></logicalVolumes>";
    let profile = parse(&format!("{DISK}{groups}")).unwrap();
    let physical = |group: &str| Some(group.to_owned());
    let partitions: Vec<Option<String>> =
        profile.partitions.unwrap().into_iter().map(|partition| partition.volume_group).collect();
    assert_eq!(partitions, [None, physical("system"), physical("data")]);
    let root = LogicalVolumeRequest {
        name: "root".into(),
        mount_point: Some("/".into()),
        file_system: Some(FileSystemKind::Ext4),
        grow: Some(true),
        ..Default::default()
    };
    let srv = LogicalVolumeRequest {
        name: "srv".into(),
        mount_point: Some("/srv".into()),
        file_system: Some(FileSystemKind::Ext3),
        size: mib(1024),
        label: Some("srv".into()),
        ..Default::default()
    };
    let pages = LogicalVolumeRequest {
        name: "pages".into(),
        file_system: Some(FileSystemKind::Swap),
        size: mib(512),
        ..Default::default()
    };
    let group = |name: &str, volumes| VolumeGroupRequest { name: name.into(), extent_size: None, volumes };
    assert_eq!(
        profile.volume_groups.unwrap(),
        [group("system", vec![root]), group("data", vec![srv, pages])]
    );
}

#[test]
fn one_group_needs_no_uris() {
    let groups = "<logicalGroups><logicalGroup><name>vg</name></logicalGroup></logicalGroups>
        <logicalVolumes><logicalVolume><name>root</name><volumes><volume><mpoint>/</mpoint></volume></volumes></logicalVolume>
        </logicalVolumes>";
    let profile = parse(&format!("{DISK}{groups}")).unwrap();
    let members = profile.partitions.unwrap().into_iter().filter(|p| p.volume_group.as_deref() == Some("vg"));
    assert_eq!(members.count(), 2);
    assert_eq!(profile.volume_groups.unwrap()[0].volumes[0].name, "root");
}

#[test]
fn what_no_uri_leads_to_is_refused_by_name() {
    let groups = "<logicalGroups><logicalGroup><uri>g/1</uri><partitionUri>p/9</partitionUri></logicalGroup>
        <logicalGroup><name>b</name><uri>g/2</uri><diskUri>d/1</diskUri></logicalGroup></logicalGroups>
        <logicalVolumes><logicalVolume><name>x</name><volumes><volume><mpoint>/</mpoint></volume></volumes></logicalVolume>
        <logicalVolume><groupUri>g/3</groupUri><name>y</name></logicalVolume>
        <logicalVolume><groupUri>g/2</groupUri><name>z</name></logicalVolume>
        <logicalVolume><groupUri>g/2</groupUri><volumes><volume><mpoint>/z</mpoint></volume></volumes></logicalVolume>
        </logicalVolumes>";
    let error = parse(&format!("{DISK}{groups}")).unwrap_err();
    let named: Vec<&str> = fields(&error)
        .into_iter()
        .map(|field| field.strip_prefix("installProfile.partitionTable.").unwrap())
        .collect();
    let expected = [
        "logicalGroups.logicalGroup[0].name",
        "logicalGroups.logicalGroup[0].partitionUris",
        "logicalGroups.logicalGroup[1].diskUri",
        "disks.disk[0].partitions.partition[1]",
        "disks.disk[0].partitions.partition[2]",
        "logicalVolumes.logicalVolume[0].groupUri",
        "logicalVolumes.logicalVolume[1].groupUri",
        "logicalVolumes.logicalVolume[2].volumes",
        "logicalVolumes.logicalVolume[3].volumes.volume[0].name",
    ];
    assert_eq!(named, expected);
}

#[test]
fn a_profile_with_volume_groups_survives_both_written_forms() {
    let physical =
        |group: &str, size| PartitionRequest { volume_group: Some(group.into()), size, ..Default::default() };
    let volume = |name: &str, mount_point: &str| LogicalVolumeRequest {
        name: name.into(),
        mount_point: Some(mount_point.into()),
        file_system: Some(FileSystemKind::Ext4),
        ..Default::default()
    };
    let group = |name: &str, volumes| VolumeGroupRequest { name: name.into(), extent_size: None, volumes };
    let mut profile = Profile {
        partitions: Some(vec![physical("a", mib(2048)), physical("b", None)]),
        volume_groups: Some(vec![
            group("a", vec![volume("root", "/"), volume("home", "/home")]),
            group("b", vec![volume("srv", "/srv")]),
        ]),
        ..Default::default()
    };
    let request = ImageRequest { profile: profile.clone(), ..Default::default() };
    for syntax in [Syntax::Xml, Syntax::Json] {
        let written = request.to_image().unwrap().render(syntax);
        assert_eq!(ImageRequest::parse(written.as_bytes()).unwrap().profile, profile, "{written}");
    }
    let settings = |profile: &Profile| {
        let layer = Layer { origin: Origin::Request, profile };
        Settings::resolve(&[layer], None, &TreeFacts::default()).unwrap()
    };
    let names = |profile: &Profile| {
        let table = InstallProfile::of_settings(&settings(profile)).partition_table?;
        Some(table.logical_groups?.into_iter().filter_map(|group| group.name).collect::<Vec<_>>())
    };
    assert_eq!(names(&profile), Some(vec!["a".to_owned(), "b".to_owned()]));
    profile.lvm = Some(LvmPolicy::Flatten);
    assert_eq!(names(&profile), None, "the document would show groups that are not there");
    profile.volume_groups.as_mut().unwrap()[1].extent_size = mib(8);
    let error = ImageRequest { profile, ..Default::default() }.to_image().unwrap_err();
    assert_eq!(fields(&error), ["lvm", "volume_groups[1].extent_size"]);
}
