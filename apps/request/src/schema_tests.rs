//! What is written is valid under the schema, whose file `DISKWRIGHT_UFORGE_XSD` names: it is not ours to ship.

use std::path::PathBuf;

use diskwright_oracle::{path, run, tool};

use crate::samples::{Written, documents, written};
use crate::{
    Architecture, ChangeType, Disk, DiskName, Distribution, DistributionName, FamilyName, FileSystemName,
    ImageFormat, ImageFormatName, InstallProfile, Ipv4Method, Ipv6Method, Keyboard, Nic, NicKind, Partition,
    PartitionKind, ScannedFile, ScannedInstance, SelinuxMode, TargetFormat, TargetFormatKind,
};

#[test]
fn every_document_full_or_empty_is_valid_under_the_schema() {
    validate(&documents());
}

#[test]
fn every_value_of_every_list_of_values_is_valid_under_the_schema() {
    let mut all = Vec::new();
    macro_rules! each {
        ($($names:ident => $document:ident { $field:ident }),+ $(,)?) => { $(
            for value in $names::ALL {
                all.push(written(&$document { $field: Some(*value), ..Default::default() }));
            }
        )+ };
    }
    each! {
        ChangeType => ScannedFile { change_type },
        DiskName => Disk { name },
        ImageFormatName => ImageFormat { name },
        Keyboard => InstallProfile { keyboard },
        PartitionKind => Disk { partition_kind },
        SelinuxMode => InstallProfile { selinux_mode },
        TargetFormatKind => TargetFormat { kind },
    }
    let system =
        |distribution| written(&ScannedInstance { distribution: Some(distribution), ..Default::default() });
    all.extend(
        DistributionName::ALL
            .iter()
            .map(|name| system(Distribution { name: Some(*name), ..Default::default() })),
    );
    all.extend(
        FamilyName::ALL.iter().map(|name| system(Distribution { family: Some(*name), ..Default::default() })),
    );
    all.extend(
        Architecture::ALL.iter().map(|name| system(Distribution { arch: Some(*name), ..Default::default() })),
    );
    all.extend(FileSystemName::ALL.iter().map(|name| {
        let partition = Partition { file_system: Some(*name), ..Default::default() };
        written(&Disk { partitions: Some(vec![partition]), ..Default::default() })
    }));
    let nic = || Nic { order: Some(1), ..Default::default() };
    all.extend(NicKind::ALL.iter().map(|name| written(&Nic { kind: Some(*name), ..nic() })));
    all.extend(Ipv4Method::ALL.iter().map(|name| written(&Nic { ipv4_method: Some(*name), ..nic() })));
    all.extend(Ipv6Method::ALL.iter().map(|name| written(&Nic { ipv6_method: Some(*name), ..nic() })));
    validate(&all);
}

#[test]
fn what_is_not_valid_is_found() {
    let Some((xmllint, schema)) = judge() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.xml");
    // The right fields in the wrong order.
    let wrong = "<ns0:image xmlns:ns0='http://www.usharesoft.com/uforge'><compress>true</compress><dbId>1</dbId></ns0:image>";
    std::fs::write(&file, wrong).unwrap();
    let arguments = ["--nonet", "--noout", "--schema", path(&schema), path(&file)];
    let status = std::process::Command::new(xmllint).args(arguments).output().unwrap().status;
    assert!(!status.success());
}

fn validate(documents: &[Written]) {
    let Some((xmllint, schema)) = judge() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        let file = folder.path().join(format!("{at}-{}.xml", document.root));
        std::fs::write(&file, &document.xml).unwrap();
        files.push(path(&file).to_owned());
    }
    let mut arguments = vec!["--nonet", "--noout", "--schema", path(&schema)];
    arguments.extend(files.iter().map(String::as_str));
    run(&xmllint, &arguments);
}

/// The validator and the schema, if both are there.
fn judge() -> Option<(PathBuf, PathBuf)> {
    let Some(schema) = std::env::var_os("DISKWRIGHT_UFORGE_XSD").map(PathBuf::from) else {
        println!("skipped: DISKWRIGHT_UFORGE_XSD names no schema");
        return None;
    };
    Some((tool("xmllint")?, schema))
}
