use super::{Package, vdi, vmdk};

pub(crate) fn ovf_text() -> String {
    OVF.replace("@SIZE@", &vmdk::stream().build().bytes.len().to_string())
}

/// The descriptor of a disk of `size` bytes in a file of `len`.
pub(crate) fn ovf_text_of(len: usize, size: u64) -> String {
    OVF.replace("@SIZE@", &len.to_string()).replace("524288", &size.to_string())
}

pub(crate) fn ovf() -> Package {
    Package::new("img.ovf", ovf_text()).with("disk.vmdk", vmdk::stream().build().bytes)
}

pub(crate) fn vmx() -> Package {
    let disk = vmdk::sparse();
    Package::new("img.vmx", VMX).with("disk.vmdk", disk.files["disk.vmdk"].clone())
}

pub(crate) fn vbox() -> Package {
    let disk = vdi::dynamic();
    Package::new("img.vbox", VBOX.replace("@UUID@", vdi::UUID))
        .with("img.vdi", disk.files["disk.vdi"].clone())
}

/// A machine of VirtualBox's for the descriptor, and what goes with it.
pub(crate) fn ovf_with_machine() -> Package {
    let machine = MACHINE.replace("@UUID@", vdi::UUID);
    ovf()
        .edited("    </VirtualHardwareSection>\n", &format!("    </VirtualHardwareSection>\n{machine}"))
        .edited("<Disk ", &format!("<Disk vbox:uuid=\"{}\" ", vdi::UUID))
}

const MACHINE: &str = r#"    <vbox:Machine ovf:required="false" version="1.16-linux" uuid="{6f1c2a34-5b6d-4e7f-8a90-b1c2d3e4f506}" name="img">
      <StorageControllers>
        <StorageController name="SCSI" type="LsiLogic">
          <AttachedDevice type="HardDisk" port="0" device="0"><Image uuid="{@UUID@}"/></AttachedDevice>
        </StorageController>
      </StorageControllers>
    </vbox:Machine>
"#;

const OVF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
          xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
          xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
          xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
          xmlns:vbox="http://www.virtualbox.org/ovf/machine"
          xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="disk.vmdk" ovf:id="file1" ovf:size="@SIZE@"/>
  </References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:capacity="524288" ovf:capacityAllocationUnits="byte" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="NAT"><Description>NAT</Description></Network>
  </NetworkSection>
  <VirtualSystem ovf:id="img">
    <Info>A machine</Info>
    <Name>img</Name>
    <OperatingSystemSection ovf:id="96">
      <Info>Guest</Info>
      <vbox:OSType ovf:required="false">Debian_64</vbox:OSType>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:ElementName>1 CPU</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>1</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:ElementName>memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>1024</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:ElementName>controller</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:ElementName>serial controller</rasd:ElementName>
        <rasd:InstanceID>6</rasd:InstanceID>
        <rasd:ResourceSubType>AHCI</rasd:ResourceSubType>
        <rasd:ResourceType>20</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>disk</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>NAT</rasd:Connection>
        <rasd:ElementName>network</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>E1000</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
      <Item ovf:required="false">
        <rasd:ElementName>video</rasd:ElementName>
        <rasd:InstanceID>7</rasd:InstanceID>
        <rasd:ResourceType>24</rasd:ResourceType>
      </Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"#;

const VMX: &str = r#".encoding = "UTF-8"
config.version = "8"
virtualHW.version = "13"
displayName = "img"
guestOS = "debian12-64"
firmware = "efi"
memsize = "1024"
# slots
pciBridge0.present = "TRUE"
pciBridge4.present = "TRUE"
pciBridge4.virtualDev = "pcieRootPort"
nvme0.present = "TRUE"
scsi0.present = "TRUE"
scsi0.virtualDev = "lsilogic"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "disk.vmdk"
"#;

const VBOX: &str = r#"<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.16-linux">
  <Machine uuid="{6f1c2a34-5b6d-4e7f-8a90-b1c2d3e4f506}" name="img" OSType="Debian_64">
    <MediaRegistry>
      <HardDisks>
        <HardDisk uuid="{@UUID@}" location="img.vdi" format="VDI" type="Normal"/>
      </HardDisks>
    </MediaRegistry>
    <Hardware>
      <CPU count="2"><LongMode enabled="true"/></CPU>
      <Memory RAMSize="1024"/>
      <Firmware type="EFI"/>
      <Boot>
        <Order position="1" device="HardDisk"/>
        <Order position="2" device="None"/>
      </Boot>
      <Display controller="VMSVGA" VRAMSize="16"/>
      <BIOS><IOAPIC enabled="true"/></BIOS>
      <Network>
        <Adapter slot="0" enabled="true" MACAddress="0800279A1B2C" type="82540EM"><NAT/></Adapter>
      </Network>
    </Hardware>
    <StorageControllers>
      <StorageController name="SATA" type="AHCI" PortCount="1">
        <AttachedDevice type="HardDisk" port="0" device="0"><Image uuid="{@UUID@}"/></AttachedDevice>
      </StorageController>
    </StorageControllers>
  </Machine>
</VirtualBox>
"#;
