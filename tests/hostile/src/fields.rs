//! Well-formed documents whose fields have wrong values or ask for what cannot be done.

use crate::{Body, Expected, Refusal, json, xml};

pub(crate) fn push(all: &mut Vec<Body>) {
    for (name, content, field) in WRONG {
        all.push(xml(name, format!("<image>{content}</image>"), Expected::Refused(Refusal::Invalid(field))));
    }
    for (name, content, field) in WRONG_PROFILE {
        all.push(xml(name, in_profile(content), Expected::Refused(Refusal::Invalid(field))));
    }
    for (name, content, field) in UNSUPPORTED {
        all.push(xml(
            name,
            format!("<image>{content}</image>"),
            Expected::Refused(Refusal::Unsupported(field)),
        ));
    }
    for (name, content, field) in UNSUPPORTED_PROFILE {
        all.push(xml(name, in_profile(content), Expected::Refused(Refusal::Unsupported(field))));
    }
    for (name, content, field) in WRONG_JSON {
        all.push(json(name, format!("{{\"image\": {content}}}"), Expected::Refused(Refusal::Invalid(field))));
    }
    all.extend(large());
}

fn in_profile(content: &str) -> String {
    format!("<image><installProfile>{content}</installProfile></image>")
}

/// Wrong values of almost the length of a document, and documents with nothing but wrong values.
fn large() -> Vec<Body> {
    let invalid = |field| Expected::Refused(Refusal::Invalid(field));
    let memory = "installProfile.memorySize";
    let digits = "9".repeat(1_000_000);
    let partitions = "<partition><fstype>zfs</fstype></partition>".repeat(4_500);
    let disks = "<partitionTable><disks><disk><partitions>";
    let ends = "</partitions></disk></disks></partitionTable>";
    let repeated = "<memorySize>x</memorySize>".repeat(9_000);
    vec![
        xml(
            "value-of-a-million-digits",
            in_profile(&format!("<memorySize>{digits}</memorySize>")),
            invalid(memory),
        ),
        xml(
            "value-of-a-million-zeros",
            in_profile(&format!("<memorySize>{}x</memorySize>", "0".repeat(1_000_000))),
            invalid(memory),
        ),
        xml(
            "value-of-a-million-letters",
            format!("<image><compress>{}</compress></image>", "y".repeat(1_000_000)),
            invalid("compress"),
        ),
        xml(
            "value-of-many-references",
            format!("<image><compress>{}</compress></image>", "&#121;".repeat(160_000)),
            invalid("compress"),
        ),
        xml("value-repeated-to-the-end", in_profile(&repeated), invalid(memory)),
        xml(
            "partitions-all-wrong",
            in_profile(&format!("{disks}{partitions}{ends}")),
            Expected::Refused(Refusal::Unsupported(
                "installProfile.partitionTable.disks.disk[0].partitions.partition[0].fstype",
            )),
        ),
        json(
            "value-of-three-hundred-digits",
            format!("{{\"installProfile\": {{\"memorySize\": {}}}}}", "1".repeat(300)),
            invalid(memory),
        ),
        json(
            "value-of-a-million-digits-in-text",
            format!("{{\"installProfile\": {{\"memorySize\": \"{digits}\"}}}}"),
            invalid(memory),
        ),
    ]
}

const WRONG: &[(&str, &str, &str)] = &[
    ("compress-yes", "<compress>yes</compress>", "compress"),
    ("compress-in-upper-case", "<compress>TRUE</compress>", "compress"),
    ("compress-2", "<compress>2</compress>", "compress"),
    ("compress-negative", "<compress>-1</compress>", "compress"),
    ("compress-both", "<compress>true false</compress>", "compress"),
    ("compress-in-full-width", "<compress>\u{ff11}</compress>", "compress"),
    ("compress-with-elements", "<compress><a/></compress>", "compress"),
    ("compress-twice", "<compress>true</compress><compress>false</compress>", "compress"),
    ("compress-twice-with-prefix", "<compress>true</compress><ns0:compress>true</ns0:compress>", "compress"),
    ("format-twice", "<targetFormat><name>A</name></targetFormat><targetFormat/>", "targetFormat"),
    ("format-a-text", "<targetFormat>VirtualBox</targetFormat>", "targetFormat"),
    ("format-name-twice", "<targetFormat><name>A</name><name>B</name></targetFormat>", "targetFormat.name"),
    ("format-name-with-elements", "<targetFormat><name><a/></name></targetFormat>", "targetFormat.name"),
    (
        "format-name-with-line-ends",
        "<targetFormat><name>A&#13;&#10;Set-Cookie: a=b</name></targetFormat>",
        "targetFormat.name",
    ),
    ("format-name-with-delete", "<targetFormat><name>A\u{7f}</name></targetFormat>", "targetFormat.name"),
    (
        "format-name-with-c1-control",
        "<targetFormat><name>A\u{9b}2J</name></targetFormat>",
        "targetFormat.name",
    ),
    ("primitive-a-text", "<format>vbox</format>", "format"),
    ("profile-a-text", "<installProfile>512</installProfile>", "installProfile"),
    ("profile-twice", "<installProfile/><installProfile/>", "installProfile"),
    ("volume-not-a-number", "<ebsVolumeSize>ten</ebsVolumeSize>", "ebsVolumeSize"),
];

const WRONG_PROFILE: &[(&str, &str, &str)] = &[
    ("memory-negative", "<memorySize>-1</memorySize>", "installProfile.memorySize"),
    ("memory-a-fraction", "<memorySize>1.5</memorySize>", "installProfile.memorySize"),
    ("memory-with-unit", "<memorySize>512 MB</memorySize>", "installProfile.memorySize"),
    ("memory-hexadecimal", "<memorySize>0x200</memorySize>", "installProfile.memorySize"),
    ("memory-with-exponent", "<memorySize>5e2</memorySize>", "installProfile.memorySize"),
    ("memory-infinite", "<memorySize>INF</memorySize>", "installProfile.memorySize"),
    ("memory-not-a-number", "<memorySize>NaN</memorySize>", "installProfile.memorySize"),
    ("memory-beyond-64-bits", "<memorySize>18446744073709551616</memorySize>", "installProfile.memorySize"),
    ("memory-of-64-bits", "<memorySize>18446744073709551615</memorySize>", "installProfile.memorySize"),
    ("memory-of-63-bits", "<memorySize>9223372036854775807</memorySize>", "installProfile.memorySize"),
    ("memory-in-bytes", "<memorySize>536870912</memorySize>", "installProfile.memorySize"),
    (
        "memory-in-arabic-digits",
        "<memorySize>\u{665}\u{661}\u{662}</memorySize>",
        "installProfile.memorySize",
    ),
    ("memory-with-separator", "<memorySize>1,024</memorySize>", "installProfile.memorySize"),
    ("memory-with-two-signs", "<memorySize>++1</memorySize>", "installProfile.memorySize"),
    ("memory-twice", "<memorySize>1</memorySize><memorySize>1</memorySize>", "installProfile.memorySize"),
    ("memory-with-elements", "<memorySize><a/></memorySize>", "installProfile.memorySize"),
    ("disk-in-bytes", "<diskSize>10737418240</diskSize>", "installProfile.diskSize"),
    ("disk-negative", "<diskSize>-2048</diskSize>", "installProfile.diskSize"),
    ("swap-negative", "<swapSize>-1</swapSize>", "installProfile.swapSize"),
    ("hardware-negative", "<hwType>-9</hwType>", "installProfile.hwType"),
    ("hardware-zero", "<hwType>0</hwType>", "installProfile.hwType"),
    ("hardware-a-path", "<hwType>vmx-../../x</hwType>", "installProfile.hwType"),
    ("hardware-two-lines", "<hwType>13&#10;x = \"y\"</hwType>", "installProfile.hwType"),
    ("hardware-beyond-8-bits", "<hwType>vmx-256</hwType>", "installProfile.hwType"),
    ("hardware-of-virtualbox", "<hwType>virtualbox-2.2</hwType>", "installProfile.hwType"),
    (
        "parameters-ambiguous",
        "<kernelParameters>a=b,quiet</kernelParameters>",
        "installProfile.kernelParameters",
    ),
    ("switch-not-true-or-false", "<partitionAuto>yes</partitionAuto>", "installProfile.partitionAuto"),
    ("root-user-a-text", "<rootUser>root</rootUser>", "installProfile.rootUser"),
    ("user-without-name", "<users><user><sudo>1</sudo></user></users>", "installProfile.users.user[0].name"),
    (
        "user-with-too-large-a-number",
        "<users><user><name>a</name><userId>4294967296</userId></user></users>",
        "installProfile.users.user[0].userId",
    ),
    (
        "user-with-no-number",
        "<users><user><name>a</name><userId>-1</userId></user></users>",
        "installProfile.users.user[0].userId",
    ),
    ("firewall-no-switch", "<firewallEnabled>maybe</firewallEnabled>", "installProfile.firewallEnabled"),
    (
        "mask-with-a-hole",
        "<nics><nic><order>1</order><ipAddresses><ipAddress><type>4</type><address>10.0.0.1</address>\
         <netmask>255.0.255.0</netmask></ipAddress></ipAddresses></nic></nics>",
        "installProfile.nics.nic[0].ipAddresses.ipAddress[0].netmask",
    ),
    ("table-a-text", "<partitionTable>gpt</partitionTable>", "installProfile.partitionTable"),
    (
        "disks-twice",
        "<partitionTable><disks/><disks/></partitionTable>",
        "installProfile.partitionTable.disks",
    ),
    (
        "disk-sizes-contradict",
        "<diskSize>1</diskSize><partitionTable><disks><disk><size>2</size></disk></disks></partitionTable>",
        "installProfile.partitionTable.disks.disk[0].size",
    ),
    (
        "partition-size-negative",
        "<partitionTable><disks><disk><partitions><partition><size>-1</size></partition></partitions></disk></disks>\
         </partitionTable>",
        "installProfile.partitionTable.disks.disk[0].partitions.partition[0].size",
    ),
    (
        "partition-extended-and-empty",
        "<partitionTable><disks><disk><partitions><partition><fstype>Extended</fstype></partition></partitions></disk>\
         </disks></partitionTable>",
        "installProfile.partitionTable.disks.disk[0].partitions.partition[0]",
    ),
];

const UNSUPPORTED: &[(&str, &str, &str)] = &[
    ("asks-for-ebs", "<ebs>true</ebs>", "ebs"),
    ("asks-for-ebs-volume", "<ebsVolumeSize>10</ebsVolumeSize>", "ebsVolumeSize"),
    ("asks-for-dependencies", "<forceCheckingDeps>true</forceCheckingDeps>", "forceCheckingDeps"),
    ("asks-for-tools", "<updateTools>1</updateTools>", "updateTools"),
    ("asks-for-account", "<credAccount><name>a</name></credAccount>", "credAccount"),
    ("asks-for-entry-point", "<entrypoint>/bin/sh</entrypoint>", "entrypoint"),
];

const UNSUPPORTED_PROFILE: &[(&str, &str, &str)] = &[
    ("asks-for-activation", "<activationKey>k</activationKey>", "installProfile.activationKey"),
    ("asks-for-group", "<groups><group><name>wheel</name></group></groups>", "installProfile.groups"),
    (
        "asks-for-more-than-sudo",
        "<users><user><name>mallory</name><sudo>3</sudo></user></users>",
        "installProfile.users.user[0].sudo",
    ),
    ("asks-for-keyboard-later", "<keyboardAuto>false</keyboardAuto>", "installProfile.keyboardAuto"),
    (
        "asks-for-another-nic",
        "<nics><nic><order>1</order><type>TOKENRING</type></nic></nics>",
        "installProfile.nics.nic[0].type",
    ),
    (
        "asks-for-nic-later",
        "<nics><nic><order>1</order><autoConnect>false</autoConnect></nic></nics>",
        "installProfile.nics.nic[0].autoConnect",
    ),
    ("asks-for-selinux", "<seLinuxMode>strict</seLinuxMode>", "installProfile.seLinuxMode"),
    ("asks-for-city", "<timezoneCity>London</timezoneCity>", "installProfile.timezoneCity"),
    ("asks-for-sysprep", "<runSysprep>true</runSysprep>", "installProfile.runSysprep"),
    ("asks-for-vagrant", "<vagrantUser>vagrant</vagrantUser>", "installProfile.vagrantUser"),
    (
        "asks-for-another-home",
        "<rootUser><homeDir>/srv</homeDir></rootUser>",
        "installProfile.rootUser.homeDir",
    ),
    (
        "asks-for-groups-of-root",
        "<rootUser><secondaryGroups>wheel</secondaryGroups></rootUser>",
        "installProfile.rootUser.secondaryGroups",
    ),
    ("asks-for-other-root", "<rootUser><name>toor</name></rootUser>", "installProfile.rootUser.name"),
    (
        "asks-for-whole-disk-in-volume-group",
        "<partitionTable><logicalGroups><logicalGroup><name>vg</name><diskUri>disks/1</diskUri></logicalGroup></logicalGroups>\
         </partitionTable>",
        "installProfile.partitionTable.logicalGroups.logicalGroup[0].diskUri",
    ),
    (
        "asks-for-btrfs-pool",
        "<partitionTable><btrfsStoragePools><btrfsStoragePool><label>a</label></btrfsStoragePool></btrfsStoragePools>\
         </partitionTable>",
        "installProfile.partitionTable.btrfsStoragePools",
    ),
    (
        "asks-for-two-sector-sizes",
        "<partitionTable><disks><disk><blockSize>512</blockSize></disk><disk><blockSize>4096</blockSize><partitions>\
         <partition><mpoint>/srv</mpoint></partition></partitions></disk></disks></partitionTable>",
        "installProfile.partitionTable.disks.disk[1].blockSize",
    ),
    (
        "asks-for-lvm-disk",
        "<partitionTable><disks><disk><partitionType>LVM</partitionType></disk></disks></partitionTable>",
        "installProfile.partitionTable.disks.disk[0].partitionType",
    ),
    (
        "asks-for-odd-sectors",
        "<partitionTable><disks><disk><blockSize>1000</blockSize></disk></disks></partitionTable>",
        "installProfile.partitionTable.disks.disk[0].blockSize",
    ),
    (
        "asks-for-ntfs",
        "<partitionTable><disks><disk><partitions><partition><fstype>NTFS</fstype></partition></partitions></disk>\
         </disks></partitionTable>",
        "installProfile.partitionTable.disks.disk[0].partitions.partition[0].fstype",
    ),
];

const WRONG_JSON: &[(&str, &str, &str)] = &[
    ("compress-a-number", r#"{"compress": 2}"#, "compress"),
    ("compress-a-text", r#"{"compress": "yes"}"#, "compress"),
    ("compress-an-object", r#"{"compress": {"a": true}}"#, "compress"),
    ("compress-a-list", r#"{"compress": [true, false]}"#, "compress"),
    ("compress-a-list-of-lists", r#"{"compress": [[true], [[false]]]}"#, "compress"),
    ("format-a-text", r#"{"targetFormat": "VirtualBox"}"#, "targetFormat"),
    ("format-a-list", r#"{"targetFormat": [{"name": "A"}, {"name": "B"}]}"#, "targetFormat"),
    ("format-name-an-object", r#"{"targetFormat": {"name": {"$ne": 1}}}"#, "targetFormat.name"),
    ("memory-negative", r#"{"installProfile": {"memorySize": -1}}"#, "installProfile.memorySize"),
    ("memory-negative-zero", r#"{"installProfile": {"memorySize": -0}}"#, "installProfile.memorySize"),
    ("memory-a-fraction", r#"{"installProfile": {"memorySize": 0.5}}"#, "installProfile.memorySize"),
    ("memory-a-truth-value", r#"{"installProfile": {"memorySize": true}}"#, "installProfile.memorySize"),
    (
        "memory-with-large-exponent",
        r#"{"installProfile": {"memorySize": 1e300}}"#,
        "installProfile.memorySize",
    ),
    (
        "memory-with-small-exponent",
        r#"{"installProfile": {"memorySize": 1e-300}}"#,
        "installProfile.memorySize",
    ),
    (
        "memory-beyond-64-bits",
        r#"{"installProfile": {"memorySize": 18446744073709551616}}"#,
        "installProfile.memorySize",
    ),
    ("memory-a-list", r#"{"installProfile": {"memorySize": [1, 2]}}"#, "installProfile.memorySize"),
    ("profile-a-number", r#"{"installProfile": 512}"#, "installProfile"),
    ("prototype", r#"{"__proto__": {"compress": true}, "compress": "__proto__"}"#, "compress"),
];
