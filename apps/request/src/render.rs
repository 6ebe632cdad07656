use diskwright_core::profile::{
    ByteSize, FileSystemKind, PartitionFlag, PartitionRequest, PartitionRole, Profile, SectorSize, TableKind,
};
use diskwright_core::{Error, ErrorKind, Result};

use crate::ImageRequest;
use crate::document::Value;
use crate::request::kernel_parameters;

/// The image document of a request, in the order of the schema.
pub(crate) fn image(request: &ImageRequest) -> Result<Value> {
    let mut writer = Writer::default();
    let mut fields = Vec::new();
    if let Some(compress) = request.compress {
        fields.push(("compress", Value::Boolean(compress)));
    }
    if let Some(name) = &request.target_format {
        fields.push(("targetFormat", Value::Object(vec![("name", Value::Text(name.clone()))])));
    }
    let profile = writer.install_profile(request);
    if !profile.is_empty() {
        fields.push(("installProfile", Value::Object(profile)));
    }
    Error::collect(writer.problems)?;
    Ok(Value::Object(fields))
}

#[derive(Default)]
struct Writer {
    problems: Vec<Error>,
}

impl Writer {
    fn install_profile(&mut self, request: &ImageRequest) -> Vec<(&'static str, Value)> {
        let profile = &request.profile;
        self.refuse_what_the_schema_lacks(profile);
        let mut fields = Vec::new();
        let table = self.partition_table(profile);
        if let (Some(size), None) = (profile.disk_size, &table) {
            fields.push(("diskSize", self.mib("disk_size", size)));
        }
        if let Some(kind) = &request.hardware_type {
            fields.push(("hwType", Value::Text(kind.clone())));
        }
        if let Some(parameters) = &profile.kernel_parameters {
            fields.push(("kernelParameters", self.kernel_parameters(parameters)));
        }
        if let Some(memory) = profile.memory {
            fields.push(("memorySize", self.mib("memory", memory)));
        }
        if let Some(table) = table {
            fields.push(("partitionTable", table));
        }
        if let Some(swap) = profile.swap_size {
            fields.push(("swapSize", self.mib("swap_size", swap)));
        }
        fields
    }

    fn refuse_what_the_schema_lacks(&mut self, profile: &Profile) {
        let stated = [
            ("name", profile.name.is_some()),
            ("cpus", profile.cpus.is_some()),
            ("firmware", profile.firmware.is_some()),
            ("boot", profile.boot.is_some()),
            ("hostname", profile.hostname.is_some()),
            ("spare", profile.spare.is_some()),
            ("identity", profile.identity.is_some()),
            ("seed", profile.seed.is_some()),
            ("timestamp", profile.timestamp.is_some()),
        ];
        for (field, is_stated) in stated {
            if is_stated {
                self.refuse(field.into());
            }
        }
    }

    fn refuse(&mut self, field: String) {
        let error = Error::new(ErrorKind::Unsupported, "the image document cannot express it");
        self.problems.push(error.with_field(field));
    }

    fn mib(&mut self, field: &str, size: ByteSize) -> Value {
        if !size.bytes().is_multiple_of(1 << 20) {
            self.refuse(field.into());
        }
        Value::Number(size.bytes() >> 20)
    }

    fn kernel_parameters(&mut self, parameters: &[String]) -> Value {
        let text = parameters.join(" ");
        if kernel_parameters(&text).as_deref() != Ok(parameters) {
            self.refuse("kernel_parameters".into());
        }
        Value::Text(text)
    }

    fn partition_table(&mut self, profile: &Profile) -> Option<Value> {
        let is_mbr = profile.partition_table == Some(TableKind::Mbr);
        if profile.partitions.is_none() && !is_mbr && profile.sector_size.is_none() {
            return None;
        }
        let mut disk = Vec::new();
        if let Some(sector) = profile.sector_size {
            disk.push(("blockSize", Value::Number(SectorSize::bytes(sector))));
        }
        disk.push(("name", Value::Text("sda".into())));
        if let Some(partitions) = &profile.partitions {
            let values =
                partitions.iter().enumerate().map(|(at, partition)| self.partition(at, partition)).collect();
            disk.push(("partitions", Value::List { item: "partition", values }));
        }
        if is_mbr {
            disk.push(("partitionType", Value::Text("MSDOS".into())));
        }
        if let Some(size) = profile.disk_size {
            disk.push(("size", self.mib("disk_size", size)));
        }
        let disks = Value::List { item: "disk", values: vec![Value::Object(disk)] };
        Some(Value::Object(vec![("disks", disks)]))
    }

    fn partition(&mut self, at: usize, partition: &PartitionRequest) -> Value {
        let mut fields = Vec::new();
        let place = |field: &str| format!("partitions[{at}].{field}");
        let at_esp = matches!(partition.mount_point.as_deref(), Some("/boot/efi" | "/efi"));
        let kind = match (partition.role, partition.file_system) {
            (Some(PartitionRole::Data), Some(FileSystemKind::Fat32)) if at_esp => {
                self.refuse(place("role"));
                None
            }
            (None | Some(PartitionRole::Data), Some(FileSystemKind::Swap)) => Some("linux-swap"),
            (None | Some(PartitionRole::Data), kind) => kind.map(FileSystemKind::name),
            (Some(PartitionRole::Swap), _) => Some("linux-swap"),
            (Some(PartitionRole::Esp), _) if at_esp => Some("fat32"),
            (Some(PartitionRole::Esp | PartitionRole::BiosBoot), _) => {
                self.refuse(place("role"));
                None
            }
        };
        if let Some(kind) = kind {
            fields.push(("fstype", Value::Text(kind.into())));
        }
        if let Some(grow) = partition.grow {
            fields.push(("growable", Value::Boolean(grow)));
        }
        if let Some(label) = &partition.label {
            fields.push(("label", Value::Text(label.clone())));
        }
        if let Some(mount_point) = &partition.mount_point {
            fields.push(("mpoint", Value::Text(mount_point.clone())));
        }
        fields.push(("name", Value::Text(at.saturating_add(1).to_string())));
        if let Some(size) = partition.size {
            fields.push(("size", self.mib(&place("size"), size)));
        }
        match partition.flags.as_deref() {
            None | Some([]) => {}
            Some([PartitionFlag::Active]) => fields.push(("mbrBoot", Value::Boolean(true))),
            Some(_) => self.refuse(place("flags")),
        }
        Value::Object(fields)
    }
}
