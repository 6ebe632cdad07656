use diskwright_core::profile::{
    ByteSize, FileSystemKind, Firmware, NicMethod, NicRequest, PartitionFlag, PartitionRequest,
    PartitionRole, Profile, RootAccount, Secret, SectorSize, SelinuxMode, SudoRight, TableKind, UserAccount,
};
use diskwright_core::{Error, ErrorKind};

use crate::*;

const MISSION: &str = "<ns0:image><compress>true</compress><targetFormat><name>VirtualBox</name></targetFormat>\
    <installProfile><memorySize>512</memorySize></installProfile></ns0:image>";

fn parse(document: &str) -> diskwright_core::Result<ImageRequest> {
    ImageRequest::parse(document.as_bytes())
}

fn mib(mib: u64) -> Option<ByteSize> {
    ByteSize::from_mib(mib)
}

fn fields(error: &Error) -> Vec<&str> {
    std::iter::once(error).chain(error.also()).filter_map(Error::field).collect()
}

fn profile_problems(install_profile: &str) -> Error {
    parse(&format!("<image><installProfile>{install_profile}</installProfile></image>")).unwrap_err()
}

#[test]
fn the_five_forms_found_in_the_wild_and_json_mean_the_same() {
    let body = MISSION.strip_prefix("<ns0:image>").unwrap().strip_suffix("</ns0:image>").unwrap();
    let forms = [
        format!("<ns0:image xmlns:ns0=\"{NAMESPACE}\">{body}</ns0:image>"),
        MISSION.to_owned(),
        format!("<image>{body}</image>"),
        format!("<image xmlns:ns0=\"{NAMESPACE}\">{body}</image>"),
        format!("<image xmlns=\"{NAMESPACE}\">{body}</image>"),
        format!(
            "<?xml version='1.0' encoding='utf-8'?>\n<ns1:image xmlns:ns1='{NAMESPACE}'>\n{body}\n</ns1:image>\n"
        ),
        format!("\u{feff}<image><!-- c --><?pi?>{}</image>", body.replace("512", "<![CDATA[5]]>&#49;2")),
        MISSION.replace("true", " 1 ").replace("<name>", "<name>\n"),
        r#"{"image": {"compress": true, "targetFormat": {"name": "VirtualBox"},
            "installProfile": {"memorySize": 512}}}"#
            .to_owned(),
        r#" {"installProfile": {"memorySize": "512", "diskSize": null}, "compress": "true",
             "targetFormat": [{"@type": "x", "name": "VirtualBox"}]}"#
            .to_owned(),
    ];
    for form in forms {
        let request = parse(&form).unwrap();
        let profile = Profile { memory: mib(512), ..Default::default() };
        let expected = ImageRequest {
            compress: Some(true),
            target_format: Some("VirtualBox".into()),
            profile,
            ..Default::default()
        };
        assert_eq!(request, expected, "{form}");
    }
}

#[test]
fn echoed_elements_are_read_over_and_unknown_ones_noted() {
    let request = parse(
        r#"<image xmlns:xsi="urn:x" xmlns:o="urn:other"><created>2026-01-01T00:00:00.000Z</created><dbId>3</dbId>
           <status><percentage>0</percentage></status><uri>a/b</uri><xsi:type></xsi:type><colour>red</colour>
           <o:compress>true</o:compress>
           <targetFormat><dbId>1</dbId><name>QCOW2</name><format><name>qcow2</name><uri>f</uri></format>
             <category><name>Virtual</name></category><type>virtual</type><access>true</access></targetFormat>
           <installProfile><uri>p</uri><rootUser><name>root</name><disablePasswordLogin>false</disablePasswordLogin>
             </rootUser><users/><nics></nics><timezone></timezone><skipLicenses>true</skipLicenses><mood>1</mood>
             <partitionAuto>true</partitionAuto></installProfile></image>"#,
    )
    .unwrap();
    assert_eq!(request.target_format.as_deref(), Some("QCOW2"));
    assert_eq!(request.compress, None);
    assert_eq!(request.profile, Profile::default());
    let notes = request.notes.join("\n");
    for element in ["type", "colour", "compress", "installProfile.mood"] {
        assert!(notes.contains(&format!("the element {element} is not known")), "{element}: {notes}");
    }
    assert_eq!(request.notes.len(), 4, "{notes}");
}

#[test]
fn the_primitive_format_counts_where_no_target_format_is_named() {
    let name = |document: &str| parse(document).unwrap().target_format;
    assert_eq!(name("<image><format><name>vbox</name></format></image>").as_deref(), Some("vbox"));
    let both = "<image><targetFormat><name>A</name></targetFormat><format><name>b</name></format></image>";
    assert_eq!(name(both).as_deref(), Some("A"));
    assert_eq!(name("<image/>"), None);
}

#[test]
fn a_partition_table_becomes_the_profiles_list() {
    let request = parse(
        "<image><installProfile><swapSize>512</swapSize><hwType>9</hwType><partitionTable><disks><disk>
           <blockSize>512</blockSize><name>sda</name><partitionType>MSDOS</partitionType><size>10240</size><partitions>
           <partition><fstype>ext2</fstype><mpoint>/boot</mpoint><size>256</size><name>1</name><mbrBoot>1</mbrBoot></partition>
           <partition><fstype>Extended</fstype><name>2</name><size>9000</size><logicalPartitions>
             <logicalPartition><fstype>linux-swap</fstype><mpoint>swap</mpoint><size>512</size></logicalPartition>
             <logicalPartition><fstype>EXT4</fstype><mpoint>/</mpoint><growable>true</growable><size>0</size>
               <label>root</label></logicalPartition></logicalPartitions></partition>
         </partitions></disk></disks></partitionTable></installProfile></image>",
    )
    .unwrap();
    let profile = request.profile;
    assert_eq!(profile.disk_size, mib(10240));
    assert_eq!(profile.partition_table, Some(TableKind::Mbr));
    assert_eq!(profile.sector_size, Some(SectorSize::Bytes512));
    assert_eq!(request.hardware_type.as_deref(), Some("9"));
    let expected = [
        PartitionRequest {
            mount_point: Some("/boot".into()),
            file_system: Some(FileSystemKind::Ext2),
            size: mib(256),
            flags: Some(vec![PartitionFlag::Active]),
            ..Default::default()
        },
        PartitionRequest { file_system: Some(FileSystemKind::Swap), size: mib(512), ..Default::default() },
        PartitionRequest {
            mount_point: Some("/".into()),
            file_system: Some(FileSystemKind::Ext4),
            grow: Some(true),
            label: Some("root".into()),
            ..Default::default()
        },
    ];
    assert_eq!(profile.partitions.unwrap(), expected);
    assert!(request.notes.iter().any(|note| note.contains("more than four")), "{:?}", request.notes);
}

#[test]
fn all_that_cannot_be_done_is_refused_by_name_at_once() {
    let error = profile_problems(
        "<timezoneCity>London</timezoneCity><groups><group><name>a</name></group></groups>
         <users><user><name>a</name><sudo>3</sudo></user></users><rootUser><homeDir>/srv</homeDir></rootUser>
         <nics><nic><order>1</order><autoConnect>false</autoConnect><ipv4Method>PPP</ipv4Method></nic></nics>
         <keyboardAuto>false</keyboardAuto><seLinuxMode>strict</seLinuxMode>
         <partitionTable><logicalGroups><logicalGroup><name>vg</name><diskUri>sda</diskUri></logicalGroup></logicalGroups><disks>
           <disk><partitionType>LVM</partitionType><partitions><partition><fstype>xfs</fstype></partition></partitions></disk>
           <disk/></disks></partitionTable>",
    );
    let mut named = fields(&error);
    named.sort_unstable();
    let expected = [
        "installProfile.groups",
        "installProfile.keyboardAuto",
        "installProfile.nics.nic[0].autoConnect",
        "installProfile.nics.nic[0].ipv4Method",
        "installProfile.partitionTable.disks.disk[0].partitionType",
        "installProfile.partitionTable.disks.disk[0].partitions.partition[0].fstype",
        "installProfile.partitionTable.disks.disk[1]",
        "installProfile.partitionTable.logicalGroups.logicalGroup[0].diskUri",
        "installProfile.rootUser.homeDir",
        "installProfile.seLinuxMode",
        "installProfile.timezoneCity",
        "installProfile.users.user[0].sudo",
    ];
    assert_eq!(named, expected);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error =
        parse("<image><ebs>true</ebs><entrypoint>x</entrypoint><ebsVolumeSize>5</ebsVolumeSize></image>");
    assert_eq!(fields(&error.unwrap_err()).len(), 3);
}

#[test]
fn the_guests_own_configuration_is_read_in_both_syntaxes() {
    let xml = "<image><installProfile><firewallEnabled>true</firewallEnabled><keyboard>uk</keyboard>
        <nics><nic><name>eth0</name><order>1</order><ipv4Method>MANUAL</ipv4Method><ipAddresses><ipAddress>
          <address>192.0.2.10</address><gateway>192.0.2.1</gateway><netmask>255.255.255.0</netmask><type>4</type>
        </ipAddress></ipAddresses></nic></nics>
        <rootUser><name>root</name><password>$6$salt$hash</password><encrypted>true</encrypted></rootUser>
        <timezone>Europe/London</timezone><users><user><name>ann</name><password>secret one</password><sudo>2</sudo>
          <userId>1234</userId><userIdAuto>true</userIdAuto><secondaryGroups>sudo,adm</secondaryGroups>
          <sshKeys><sshKey><name>desk</name><publicKey> ssh-ed25519 AAAA ann </publicKey></sshKey></sshKeys></user>
          <user><name>daemon</name><systemUser>true</systemUser><userId>1</userId></user></users>
        <welcomeMsg>Hello</welcomeMsg><seLinuxMode>permissive</seLinuxMode></installProfile></image>";
    let json = r#"{"image": {"installProfile": {"firewallEnabled": true, "keyboard": "uk",
        "nics": {"nic": [{"name": "eth0", "order": 1, "ipv4Method": "MANUAL", "ipAddresses": {"ipAddress": [
          {"address": "192.0.2.10", "gateway": "192.0.2.1", "netmask": "24", "type": 4}]}}]},
        "rootUser": {"name": "root", "password": "$6$salt$hash", "encrypted": true}, "timezone": "Europe/London",
        "users": {"user": [{"name": "ann", "password": "secret one", "sudo": 2, "userIdAuto": true, "userId": "1234",
          "secondaryGroups": "sudo,adm", "sshKeys": {"sshKey": [{"publicKey": "ssh-ed25519 AAAA ann"}]}},
          {"name": "daemon", "systemUser": true}]},
        "welcomeMsg": "Hello", "seLinuxMode": "permissive"}}}"#;
    let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect());
    let expected = Profile {
        root: Some(RootAccount { password_hash: Some(Secret::new("$6$salt$hash")), ..Default::default() }),
        users: Some(vec![UserAccount {
            name: "ann".into(),
            groups: list(&["sudo", "adm"]),
            password: Some(Secret::new("secret one")),
            authorized_keys: list(&["ssh-ed25519 AAAA ann"]),
            sudo: Some(SudoRight::NoPassword),
            ..Default::default()
        }]),
        timezone: Some("Europe/London".into()),
        keyboard: Some("uk".into()),
        welcome_message: Some("Hello".into()),
        nics: Some(vec![NicRequest {
            name: Some("eth0".into()),
            method: Some(NicMethod::Static),
            addresses: list(&["192.0.2.10/24"]),
            gateways: list(&["192.0.2.1"]),
            ..Default::default()
        }]),
        firewall: Some(true),
        selinux: Some(SelinuxMode::Permissive),
        ..Default::default()
    };
    for document in [xml, json] {
        let request = parse(document).unwrap();
        assert_eq!(request.profile, expected, "{document}");
        assert!(!format!("{request:?}").contains("secret one"), "a password is shown");
    }
    // What can be written is read again the same; secrets cannot.
    let request = ImageRequest { profile: expected, ..Default::default() };
    let error = request.to_image().unwrap_err();
    assert_eq!(fields(&error), ["root.password_hash", "users[0].password"]);
    let request = ImageRequest { profile: request.profile.without_secrets(), ..Default::default() };
    let written = request.to_image().unwrap().render(Syntax::Xml);
    let mut read = parse(&written).unwrap();
    read.profile.root = Some(RootAccount::default());
    assert_eq!(read.profile, request.profile, "{written}");
}

#[test]
fn malformed_values_and_repetitions_are_named() {
    for (content, field) in [
        ("<memorySize>-1</memorySize>", "installProfile.memorySize"),
        ("<memorySize>1.5</memorySize>", "installProfile.memorySize"),
        ("<memorySize>512 MB</memorySize>", "installProfile.memorySize"),
        ("<memorySize><a/></memorySize>", "installProfile.memorySize"),
        ("<memorySize>1</memorySize><memorySize>2</memorySize>", "installProfile.memorySize"),
        ("<rootUser>root</rootUser>", "installProfile.rootUser"),
        ("<partitionAuto>yes</partitionAuto>", "installProfile.partitionAuto"),
        ("<kernelParameters>a=b,quiet</kernelParameters>", "installProfile.kernelParameters"),
        (
            "<diskSize>1</diskSize><partitionTable><disks><disk><size>2</size></disk></disks></partitionTable>",
            "installProfile.partitionTable.disks.disk[0].size",
        ),
    ] {
        let error = profile_problems(content);
        assert_eq!(error.field(), Some(field), "{content}");
        assert_eq!(error.kind(), ErrorKind::InvalidProfile, "{content}");
    }
    let twice = parse(r#"{"image": {"installProfile": {"memorySize": 1, "memorySize": 2}}}"#).unwrap_err();
    assert_eq!(twice.field(), Some("installProfile.memorySize"));
}

#[test]
fn a_size_that_was_meant_as_bytes_is_refused_with_both_readings() {
    let error = profile_problems("<diskSize>10737418240</diskSize>").to_string();
    assert!(error.contains("10737418240 MiB") && error.contains("10G"), "{error}");
    assert!(parse("<image><installProfile><diskSize>67108864</diskSize></installProfile></image>").is_ok());
}

#[test]
fn kernel_parameters_are_split_at_blanks_or_at_commas() {
    let split = |text: &str| {
        let document = format!(
            "<image><installProfile><kernelParameters>{text}</kernelParameters></installProfile></image>"
        );
        parse(&document).unwrap().profile.kernel_parameters.unwrap_or_default()
    };
    assert_eq!(split("quiet,splash"), ["quiet", "splash"]);
    assert_eq!(split("console=tty0,console=ttyS0,115200n8"), ["console=tty0", "console=ttyS0,115200n8"]);
    assert_eq!(split("console=ttyS0,115200 quiet"), ["console=ttyS0,115200", "quiet"]);
    assert_eq!(split("quiet, splash"), ["quiet", "splash"]);
    assert!(split("").is_empty());
}

#[test]
fn a_request_survives_both_written_forms() {
    let partitions = vec![
        PartitionRequest {
            mount_point: Some("/".into()),
            size: mib(2048),
            label: Some("<&>".into()),
            grow: Some(true),
            flags: Some(vec![PartitionFlag::Active]),
            file_system: Some(FileSystemKind::Ext3),
            ..Default::default()
        },
        PartitionRequest { file_system: Some(FileSystemKind::Swap), size: mib(100), ..Default::default() },
    ];
    let profile = Profile {
        memory: mib(512),
        disk_size: mib(10240),
        swap_size: mib(0),
        sector_size: Some(SectorSize::Bytes512),
        partition_table: Some(TableKind::Mbr),
        partitions: Some(partitions),
        kernel_parameters: Some(vec!["console=ttyS0,115200".into(), "quiet".into()]),
        ..Default::default()
    };
    let request = ImageRequest {
        compress: Some(false),
        target_format: Some("VMware Server".into()),
        hardware_type: Some("9".into()),
        profile,
        notes: Vec::new(),
    };
    let xml = request.to_image().unwrap().render(Syntax::Xml);
    assert_eq!(parse(&xml).unwrap(), request, "{xml}");
    let json = request.to_image().unwrap().render(Syntax::Json);
    assert_eq!(parse(&json).unwrap(), request, "{json}");
    assert!(
        xml.contains(&format!("<ns0:image xmlns:ns0=\"{NAMESPACE}\"><compress>false</compress>")),
        "{xml}"
    );
    assert!(json.contains(r#""disk":[{"#) && json.contains(r#""memorySize":512"#), "{json}");
    assert_eq!(
        parse(&ImageRequest::default().to_image().unwrap().render(Syntax::Xml)).unwrap(),
        ImageRequest::default()
    );
}

#[test]
fn what_the_schema_cannot_express_is_not_written() {
    let esp = PartitionRequest { role: Some(PartitionRole::Esp), ..Default::default() };
    let profile = Profile {
        cpus: Some(2),
        firmware: Some(Firmware::Both),
        memory: Some(ByteSize::from_bytes(1)),
        kernel_parameters: Some(vec!["a=b,quiet".into()]),
        partitions: Some(vec![esp]),
        ..Default::default()
    };
    let request = ImageRequest { profile, ..Default::default() };
    let error = request.to_image().unwrap_err();
    assert_eq!(fields(&error), ["cpus", "firmware", "partitions[0].role", "kernel_parameters", "memory"]);
}

#[test]
fn hostile_xml_is_refused() {
    let deep = format!("{}{}", "<image>".repeat(40), "</image>".repeat(40));
    let very_deep = "<a>".repeat(100_000);
    let many_attributes: String = (0..1000).map(|at| format!(" a{at}='1'")).collect();
    let many_namespaces: String = (0..1000).map(|at| format!(" xmlns:a{at}='u'")).collect();
    let many_elements = "<a/>".repeat(20_000);
    let long = " ".repeat(1 << 20);
    for (document, kind) in [
        ("<!DOCTYPE image><image/>".to_owned(), ErrorKind::InvalidProfile),
        (
            "<!DOCTYPE i [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><image>&b;</image>".to_owned(),
            ErrorKind::InvalidProfile,
        ),
        ("<image><compress>&bomb;</compress></image>".to_owned(), ErrorKind::InvalidProfile),
        ("<image><compress>&#0;</compress></image>".to_owned(), ErrorKind::InvalidProfile),
        ("<image a='1' a='2'/>".to_owned(), ErrorKind::InvalidProfile),
        ("<image/><image/>".to_owned(), ErrorKind::InvalidProfile),
        ("<image/>text".to_owned(), ErrorKind::InvalidProfile),
        ("<image></imag>".to_owned(), ErrorKind::InvalidProfile),
        ("<image>text<compress>true</compress></image>".to_owned(), ErrorKind::InvalidProfile),
        ("<scan/>".to_owned(), ErrorKind::InvalidProfile),
        ("<x:image xmlns:x='urn:other'/>".to_owned(), ErrorKind::InvalidProfile),
        ("<?xml version='1.0' encoding='latin1'?><image/>".to_owned(), ErrorKind::InvalidProfile),
        (deep, ErrorKind::LimitExceeded),
        (very_deep, ErrorKind::LimitExceeded),
        (format!("<image{many_attributes}/>"), ErrorKind::LimitExceeded),
        (format!("<image{many_namespaces}/>"), ErrorKind::LimitExceeded),
        (format!("<image>{many_elements}</image>"), ErrorKind::LimitExceeded),
        (format!("<image>{long}</image>"), ErrorKind::LimitExceeded),
    ] {
        let error = parse(&document).unwrap_err();
        assert_eq!(error.kind(), kind, "{:.80}: {error}", document);
        assert!(error.to_string().len() < 500);
    }
}

#[test]
fn hostile_json_is_refused() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    let very_deep = r#"{"a":["#.repeat(50_000);
    let many = format!(r#"{{"a": [{}1]}}"#, "1,".repeat(20_000));
    for (document, kind) in [
        (deep, ErrorKind::LimitExceeded),
        (very_deep, ErrorKind::LimitExceeded),
        (many, ErrorKind::LimitExceeded),
        ("[1]".to_owned(), ErrorKind::InvalidProfile),
        ("{} {}".to_owned(), ErrorKind::InvalidProfile),
        (r#"{"image": 1}"#.to_owned(), ErrorKind::InvalidProfile),
        (String::new(), ErrorKind::InvalidProfile),
    ] {
        let error = parse(&document).unwrap_err();
        assert_eq!(error.kind(), kind, "{:.80}: {error}", document);
    }
    assert!(ImageRequest::parse(b"<image>\xff</image>").is_err());
    assert!(ImageRequest::parse(b"\xff\xfe<\0i\0").is_err());
}

#[test]
fn a_truncated_document_is_refused_at_every_byte() {
    let declared = MISSION.replacen("<ns0:image>", &format!("<ns0:image xmlns:ns0=\"{NAMESPACE}\">"), 1);
    let json = r#"{"image": {"compress": true, "nics": [{"nic": null}], "targetFormat": {"name": "é"}}}"#;
    for document in [MISSION, declared.as_str(), json] {
        assert!(parse(document).is_ok(), "{document}");
        for end in 0..document.len() {
            assert!(ImageRequest::parse(&document.as_bytes()[..end]).is_err(), "{document}: {end}");
        }
    }
}

#[test]
fn no_single_changed_byte_makes_the_reader_panic() {
    let table = "<image a='b'><installProfile><partitionTable><disks><disk><partitions><partition><size>1</size>\
        </partition></partitions></disk></disks></partitionTable></installProfile></image>";
    let mut refused = 0;
    for at in 0..table.len() {
        for byte in [0, b'<', b'>', b'&', b'/', b'"', b'\'', b' ', b'!', b'?', b':', 0xff] {
            let mut document = table.as_bytes().to_vec();
            document[at] = byte;
            refused += usize::from(ImageRequest::parse(&document).is_err());
        }
    }
    assert!(refused > table.len());
}
