use super::*;

fn envelope() -> Envelope {
    Envelope {
        name: "img".to_owned(),
        system_type: "vmx-13".to_owned(),
        cpus: 2,
        memory_mib: 2048,
        firmware: Firmware::Uefi,
        secure_boot: SecureBoot::Off,
        cim: 96,
        os_description: "Debian GNU/Linux 12 (64-bit)".to_owned(),
        vmware_os: "debian12_64Guest".to_owned(),
        virtualbox_os: "Debian_64".to_owned(),
        network: "NAT",
        nic: "E1000",
        adapters: 1,
        controller: Controller::Ahci,
        disks: vec![EnvelopeDisk { capacity: 10 << 30, uuid: Some(Uuid::from_u128(0x00c0_ffee)) }],
        extension: Some(Element::new("vbox:Machine").with("ovf:required", "false")),
    }
}

#[test]
fn an_envelope_is_written_as_the_schema_orders_it() {
    let xml = envelope().to_xml(&[FileFacts { size: 1234, populated: 65_536 }]).unwrap();
    let xml = String::from_utf8(xml).unwrap();
    let (_, body) = xml.split_once("instance\">\n").unwrap();
    assert_eq!(body, include_str!("expected.xml"));
}

#[test]
fn units_ascend_and_leave_out_the_controllers_own() {
    let units =
        |controller: Controller| -> Vec<u32> { (0..40).map_while(|index| controller.unit(index)).collect() };
    assert_eq!(units(Controller::LsiLogic), [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(units(Controller::ParaVirtual), units(Controller::LsiLogic));
    assert_eq!(units(Controller::Ahci), (0..30).collect::<Vec<_>>());
    assert_eq!(units(Controller::Nvme), (0..15).collect::<Vec<_>>());
}

#[test]
fn controllers_have_the_names_that_importers_know() {
    let item = |controller: Controller| {
        let item = controller.item();
        (item.resource_type, item.sub_type.unwrap(), item.caption)
    };
    assert_eq!(item(Controller::LsiLogic), (6, "lsilogic", None));
    assert_eq!(item(Controller::ParaVirtual), (6, "VirtualSCSI", None));
    assert_eq!(item(Controller::Ahci), (20, "AHCI", Some("sataController0")));
    assert_eq!(item(Controller::VmwareAhci), (20, "vmware.sata.ahci", None));
    assert_eq!(item(Controller::Nvme), (20, "vmware.nvme.controller", None));
}

#[test]
fn every_adapter_is_an_item_of_its_own_after_the_disks() {
    let envelope = Envelope { adapters: 3, ..envelope() };
    let adapters = envelope.items().unwrap().split_off(4);
    let told = |item: &Item| (item.instance, item.address_on_parent, item.element_name.clone());
    let expected = [
        (5, Some(7), "Network adapter 1"),
        (6, Some(8), "Network adapter 2"),
        (7, Some(9), "Network adapter 3"),
    ];
    assert_eq!(
        adapters.iter().map(told).collect::<Vec<_>>(),
        expected.map(|(instance, address, name)| (instance, address, name.to_owned()))
    );
    assert!(adapters.iter().all(|item| item.resource_type == 10 && item.sub_type == Some("E1000")));
}
