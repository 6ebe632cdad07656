use super::super::test_tree::{Item, file, tree};
use super::*;
use crate::profile::{NicMethod, RouteRequest};

fn wanted() -> NicRequest {
    let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect());
    NicRequest {
        addresses: list(&["192.0.2.10/24", "2001:db8::10/64"]),
        gateways: list(&["192.0.2.1", "2001:db8::1"]),
        dns: list(&["192.0.2.53"]),
        routes: Some(vec![RouteRequest { to: "198.51.100.0/24".into(), via: "192.0.2.2".into() }]),
        ..NicRequest::default()
    }
}

/// The tree's files after the interface is set: those asked for.
fn set<'p>(
    items: Vec<(&str, Item)>,
    nic: NicRequest,
    paths: &[&'p str],
) -> Result<Vec<(&'p str, Option<String>)>> {
    set_all(items, &[nic], paths)
}

fn set_all<'p>(
    items: Vec<(&str, Item)>,
    nics: &[NicRequest],
    paths: &[&'p str],
) -> Result<Vec<(&'p str, Option<String>)>> {
    let tree = tree(items);
    let mut workspace = GuestWorkspace::new(&tree);
    set_nics(&mut workspace, nics)?;
    let read = |path: &&'p str| {
        let text = workspace.read(path.as_bytes()).unwrap();
        (*path, text.map(|text| String::from_utf8(text).unwrap()))
    };
    Ok(paths.iter().map(read).collect())
}

fn enabled(unit: &'static str, link: &'static str) -> Vec<(&'static str, Item)> {
    let text = "[Unit]\nDescription=x\n[Install]\nWantedBy=multi-user.target\n";
    vec![(unit, file(text)), (link, Item::Link("/dev/null"))]
}

#[test]
fn ifupdown_keeps_loopback_and_gets_the_interface_in_place_of_others() {
    let interfaces = "# mine\nsource /etc/network/interfaces.d/*\n\nauto lo eth0\niface lo inet loopback\n\n\
                      allow-hotplug ens192\niface ens192 inet static\n    address 10.0.0.2/8\n";
    let items = vec![
        ("/sbin/ifup", file("x")),
        ("/etc/network/interfaces", file(interfaces)),
        ("/etc/network/interfaces.d/more", file("auto eth1\niface eth1 inet dhcp\n")),
        ("/etc/resolv.conf", file("search example.org\nnameserver 10.0.0.1\n")),
    ];
    let paths = ["/etc/network/interfaces", "/etc/network/interfaces.d/more", "/etc/resolv.conf"];
    let files = set(items, wanted(), &paths).unwrap();
    let expected = "# mine\nsource /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n\
                    \nauto eth0\niface eth0 inet static\n    address 192.0.2.10/24\n    gateway 192.0.2.1\n    \
                    dns-nameservers 192.0.2.53\n    up ip route add 198.51.100.0/24 via 192.0.2.2 dev $IFACE\n\
                    iface eth0 inet6 static\n    address 2001:db8::10/64\n    gateway 2001:db8::1\n";
    assert_eq!(files[0].1.as_deref(), Some(expected));
    assert_eq!(files[1].1.as_deref(), Some(""));
    assert_eq!(files[2].1.as_deref(), Some("search example.org\nnameserver 192.0.2.53\n"));
    let dhcp = NicRequest { method: Some(NicMethod::Dhcp), ..NicRequest::default() };
    let error = set(vec![("/sbin/ifup", file("x"))], dhcp.clone(), &[]).unwrap_err();
    assert_eq!(error.field(), Some("nics[0].method"));
    let items = vec![("/sbin/ifup", file("x")), ("/sbin/dhclient", file("x"))];
    let files = set(items, dhcp, &["/etc/network/interfaces"]).unwrap();
    let expected = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n";
    assert_eq!(files[0].1.as_deref(), Some(expected));
}

#[test]
fn every_stack_gets_an_interface_in_its_own_syntax() {
    let netplan =
        vec![("/usr/sbin/netplan", file("x")), ("/etc/netplan/50-cloud-init.yaml", file("network: {}\n"))];
    let paths = ["/etc/netplan/50-cloud-init.yaml", "/etc/netplan/01-network.yaml"];
    let files = set(netplan, wanted(), &paths).unwrap();
    assert_eq!(files[0].1, None);
    let expected = "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: false\n      dhcp6: false\n      \
                    addresses:\n        - \"192.0.2.10/24\"\n        - \"2001:db8::10/64\"\n      routes:\n        \
                    - to: \"0.0.0.0/0\"\n          via: \"192.0.2.1\"\n        - to: \"::/0\"\n          \
                    via: \"2001:db8::1\"\n        - to: \"198.51.100.0/24\"\n          via: \"192.0.2.2\"\n      \
                    nameservers:\n        addresses: [\"192.0.2.53\"]\n";
    assert_eq!(files[1].1.as_deref(), Some(expected));

    let mut manager = enabled(
        "/usr/lib/systemd/system/NetworkManager.service",
        "/etc/systemd/system/multi-user.target.wants/NetworkManager.service",
    );
    let old = "/etc/NetworkManager/system-connections/old.nmconnection";
    manager.push((old, file("[connection]\ntype=ethernet\n")));
    manager.push(("/etc/NetworkManager/system-connections/vpn", file("[connection]\ntype=vpn\n")));
    let new = "/etc/NetworkManager/system-connections/eth0.nmconnection";
    let paths = [old, "/etc/NetworkManager/system-connections/vpn", new];
    let files = set(manager, wanted(), &paths).unwrap();
    assert!(files[0].1.is_none() && files[1].1.is_some());
    let expected = "[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\nautoconnect=true\n\n[ethernet]\n\n\
                    [ipv4]\nmethod=manual\naddress1=192.0.2.10/24\ngateway=192.0.2.1\ndns=192.0.2.53;\n\
                    route1=198.51.100.0/24,192.0.2.2\n\n[ipv6]\nmethod=manual\naddress1=2001:db8::10/64\n\
                    gateway=2001:db8::1\n";
    assert_eq!(files[2].1.as_deref(), Some(expected));

    let scripts = vec![("/etc/sysconfig/network-scripts/ifcfg-ens192", file("DEVICE=ens192\n"))];
    let paths = ["ifcfg-ens192", "ifcfg-eth0", "route-eth0"]
        .map(|name| format!("/etc/sysconfig/network-scripts/{name}"));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let files = set(scripts, wanted(), &paths).unwrap();
    assert_eq!(files[0].1, None);
    let expected = "TYPE=Ethernet\nNAME=eth0\nDEVICE=eth0\nONBOOT=yes\nNM_CONTROLLED=yes\nBOOTPROTO=none\n\
                    IPADDR=192.0.2.10\nPREFIX=24\nGATEWAY=192.0.2.1\nIPV6INIT=yes\nIPV6_AUTOCONF=no\n\
                    IPV6ADDR=2001:db8::10/64\nIPV6_DEFAULTGW=2001:db8::1\nDNS1=192.0.2.53\n";
    assert_eq!(files[1].1.as_deref(), Some(expected));
    assert_eq!(files[2].1.as_deref(), Some("198.51.100.0/24 via 192.0.2.2 dev eth0\n"));

    let wicked = vec![("/usr/sbin/wicked", file("x"))];
    let paths = ["/etc/sysconfig/network/ifcfg-eth0", "/etc/sysconfig/network/ifroute-eth0"];
    let files = set(wicked, wanted(), &paths).unwrap();
    let expected =
        "BOOTPROTO='static'\nSTARTMODE='auto'\nIPADDR='192.0.2.10/24'\nIPADDR_1='2001:db8::10/64'\n";
    assert_eq!(files[0].1.as_deref(), Some(expected));
    assert!(files[1].1.as_ref().unwrap().contains("198.51.100.0/24 192.0.2.2 - eth0\n"));

    let mut networkd = enabled(
        "/usr/lib/systemd/system/systemd-networkd.service",
        "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
    );
    networkd.push(("/etc/systemd/network/old.network", file("[Match]\nName=ens3\n")));
    let paths = ["/etc/systemd/network/old.network", "/etc/systemd/network/10-eth0.network"];
    let files = set(networkd, wanted(), &paths).unwrap();
    assert_eq!(files[0].1, None);
    let expected = "[Match]\nName=eth0\n\n[Network]\nDHCP=no\nAddress=192.0.2.10/24\nAddress=2001:db8::10/64\n\
                    Gateway=192.0.2.1\nGateway=2001:db8::1\nDNS=192.0.2.53\n\n[Route]\n\
                    Destination=198.51.100.0/24\nGateway=192.0.2.2\n";
    assert_eq!(files[1].1.as_deref(), Some(expected));
}

#[test]
fn every_stack_gets_all_interfaces() {
    let lan = NicRequest {
        name: Some("lan0".into()),
        addresses: Some(vec!["10.1.0.1/24".into()]),
        dns: Some(vec!["192.0.2.53".into(), "10.1.0.53".into()]),
        ..NicRequest::default()
    };
    let nics = [wanted(), lan];
    let link = "/etc/systemd/network/00-lan0.link";
    let with_udevd = |mut items: Vec<(&'static str, Item)>| {
        items.push(("/lib/systemd/systemd-udevd", file("x")));
        items
    };
    let texts = |items, paths: [&str; 2]| -> [String; 2] {
        let paths = [paths[0], paths[1], link];
        let files = set_all(with_udevd(items), &nics, &paths).unwrap();
        let expected = "[Match]\nOriginalName=eth1\n\n[Link]\nName=lan0\n";
        assert_eq!(files[2].1.as_deref(), Some(expected));
        [0, 1].map(|at| files[at].1.clone().unwrap_or_default())
    };
    let [interfaces, resolver] =
        texts(vec![("/sbin/ifup", file("x"))], ["/etc/network/interfaces", "/etc/resolv.conf"]);
    assert!(interfaces.contains("\nauto eth0\niface eth0 inet static\n    address 192.0.2.10/24\n"));
    let second = "\nauto lan0\niface lan0 inet static\n    address 10.1.0.1/24\n    dns-nameservers 192.0.2.53 10.1.0.53\n";
    assert!(interfaces.ends_with(second), "{interfaces}");
    assert_eq!(resolver, "nameserver 192.0.2.53\nnameserver 10.1.0.53\n");
    let [netplan, _] = texts(
        vec![("/usr/sbin/netplan", file("x"))],
        ["/etc/netplan/01-network.yaml", "/etc/netplan/02-network.yaml"],
    );
    assert_eq!(netplan.matches("network:\n").count(), 1);
    let second =
        "    lan0:\n      dhcp4: false\n      dhcp6: false\n      addresses:\n        - \"10.1.0.1/24\"\n";
    assert!(netplan.contains("    eth0:\n") && netplan.contains(second), "{netplan}");
    let manager = enabled(
        "/usr/lib/systemd/system/NetworkManager.service",
        "/etc/systemd/system/multi-user.target.wants/NetworkManager.service",
    );
    let connections = "/etc/NetworkManager/system-connections";
    let paths = [format!("{connections}/eth0.nmconnection"), format!("{connections}/lan0.nmconnection")];
    let [first, second] = texts(manager, [&paths[0], &paths[1]]);
    assert!(first.contains("interface-name=eth0\n") && second.contains("interface-name=lan0\n"));
    let networkd = enabled(
        "/usr/lib/systemd/system/systemd-networkd.service",
        "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
    );
    let paths = ["/etc/systemd/network/10-eth0.network", "/etc/systemd/network/10-lan0.network"];
    let [first, second] = texts(networkd, paths);
    assert!(first.contains("Name=eth0\n") && second.contains("Name=lan0\n"));
    let scripts = "/etc/sysconfig/network-scripts";
    let old = vec![("/etc/sysconfig/network-scripts/ifcfg-ens192", file("DEVICE=ens192\n"))];
    let paths = [format!("{scripts}/ifcfg-eth0"), format!("{scripts}/ifcfg-lan0")];
    let [first, second] = texts(old, [&paths[0], &paths[1]]);
    assert!(first.contains("DEVICE=eth0\n") && second.contains("DEVICE=lan0\n"));
    let wicked = vec![("/usr/sbin/wicked", file("x"))];
    let paths = ["/etc/sysconfig/network/ifcfg-eth0", "/etc/sysconfig/network/ifcfg-lan0"];
    let [first, second] = texts(wicked, paths);
    assert!(first.contains("192.0.2.10/24") && second.contains("IPADDR='10.1.0.1/24'\n"));
}

#[test]
fn nothing_in_the_tree_gives_an_interface_another_name_than_the_profile() {
    let networkd = || {
        let mut items = enabled(
            "/usr/lib/systemd/system/systemd-networkd.service",
            "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
        );
        let by_path = "[Match]\nPath=pci-0000:00:03.0\n[Link]\nName=lan0\n";
        items.extend([
            ("/usr/lib/systemd/systemd-udevd", file("x")),
            ("/etc/systemd/network/10-lan.link", file(by_path)),
            ("/etc/systemd/network/00-aaa.link", file("[Match]\nDriver=e1000\n[Link]\n Name = wan\n")),
            ("/etc/systemd/network/50-old.link", Item::Link("/srv/old.link")),
            ("/srv/old.link", file("[Link]\nNamePolicy=path\n")),
            ("/etc/systemd/network/99-default.link.d/x.conf", file("[Link]\nName=net0\n")),
            ("/etc/systemd/network/00-mtu.link", file("[Match]\nDriver=*\n[Link]\nMTUBytes=9000\n#Name=a\n")),
            ("/etc/systemd/network/00-a.link", file("[Match]\nDriver=*\n[Link]\nMTUBytes=1400\n")),
            ("/etc/systemd/network/73-usb.link", Item::Link("/dev/null")),
        ]);
        items
    };
    let dhcp = |name: Option<&str>| NicRequest {
        name: name.map(str::to_owned),
        method: Some(NicMethod::Dhcp),
        ..NicRequest::default()
    };
    let names = |nics: &[NicRequest]| {
        let tree = tree(networkd());
        let mut workspace = GuestWorkspace::new(&tree);
        set_nics(&mut workspace, nics).unwrap();
        assert!(workspace.names(b"/etc/systemd/network/99-default.link.d").is_empty());
        let removed = workspace.edits().iter().filter(|edit| edit.reason.contains("names interfaces"));
        let removed: Vec<String> = removed.map(|edit| edit.path.clone()).collect();
        let named = ["00-aaa.link", "10-lan.link", "50-old.link", "99-default.link.d/x.conf"];
        assert_eq!(removed, named.map(|name| format!("/etc/systemd/network/{name}")));
        let names = workspace.names(b"/etc/systemd/network");
        let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
        names.into_iter().map(text).filter(|name| name.ends_with(".link")).collect::<Vec<String>>()
    };
    // What only has settings for adapters stays where it hides no name.
    assert_eq!(names(&[dhcp(None)]), ["00-a.link", "00-mtu.link", "73-usb.link"]);
    assert_eq!(names(&[dhcp(None), dhcp(Some("dmz"))]), ["00-dmz.link", "00-mtu.link", "73-usb.link"]);
}

#[test]
fn what_one_of_several_interfaces_cannot_have_is_refused_by_its_place() {
    let nics = [
        NicRequest { method: Some(NicMethod::None), ..NicRequest::default() },
        NicRequest { name: Some("lan0".into()), method: Some(NicMethod::Dhcp), ..NicRequest::default() },
    ];
    let error = set_all(vec![("/sbin/ifup", file("x"))], &nics, &[]).unwrap_err();
    assert_eq!((error.field(), error.kind()), (Some("nics[1].method"), ErrorKind::Unsupported));
    assert_eq!(error.also()[0].field(), Some("nics[1].name"), "there is no udevd");
}

#[test]
fn name_servers_that_networkmanager_would_drop_are_refused() {
    let manager = || {
        enabled(
            "/usr/lib/systemd/system/NetworkManager.service",
            "/etc/systemd/system/multi-user.target.wants/NetworkManager.service",
        )
    };
    let nic = |method: NicMethod, addresses: &[&str]| NicRequest {
        method: Some(method),
        addresses: Some(addresses.iter().map(|address| (*address).to_owned()).collect()),
        dns: Some(vec!["2001:db8::53".into(), "192.0.2.53".into()]),
        ..NicRequest::default()
    };
    for refused in [nic(NicMethod::Static, &["2001:db8::2/64"]), nic(NicMethod::None, &[])] {
        let error = set(manager(), refused, &[]).unwrap_err();
        assert_eq!((error.field(), error.kind()), (Some("nics[0].dns"), ErrorKind::Unsupported));
    }
    let both = nic(NicMethod::Static, &["2001:db8::2/64", "192.0.2.2/24"]);
    for kept in [both, nic(NicMethod::Dhcp, &[])] {
        let path = "/etc/NetworkManager/system-connections/eth0.nmconnection";
        let text = set(manager(), kept, &[path]).unwrap()[0].1.clone().unwrap();
        assert!(text.contains("\ndns=192.0.2.53;\n") && text.contains("\ndns=2001:db8::53;\n"), "{text}");
    }
}

#[test]
fn a_tree_without_a_known_network_is_refused_by_field() {
    let error = set(vec![("/etc/hostname", file("a\n"))], wanted(), &[]).unwrap_err();
    assert_eq!((error.field(), error.kind()), (Some("nics"), ErrorKind::Unsupported));
    let items = vec![("/sbin/ifup", file("x")), ("/etc/resolv.conf", Item::Link("/run/resolv.conf"))];
    let error = set(items, wanted(), &[]).unwrap_err();
    assert_eq!(error.field(), Some("nics[0].dns"));
}

#[test]
fn hardware_addresses_of_the_old_machine_bind_nothing() {
    let items = vec![
        (
            "/etc/sysconfig/network-scripts/ifcfg-eth0",
            file("DEVICE=eth0\nHWADDR=00:0c:29:00:00:01\nONBOOT=yes\n"),
        ),
        (
            "/etc/NetworkManager/system-connections/a.nmconnection",
            file(
                "[connection]\ntype=ethernet\n[ethernet]\nmac-address=00:0C:29:00:00:01\n[ipv4]\nmethod=auto\n",
            ),
        ),
        (
            "/etc/systemd/network/a.network",
            file("[Match]\nMACAddress=00:0c:29:00:00:01\n[Network]\nDHCP=yes\n"),
        ),
        ("/etc/systemd/network/b.link", file("[Match]\nMACAddress=00:0c:29:00:00:01\n[Link]\nName=lan0\n")),
        (
            "/etc/netplan/a.yaml",
            file(
                "ethernets:\n  ens3:\n    match:\n      macaddress: 00:0c:29:00:00:01\n    macaddress: 02:00:00:00:00:01\n",
            ),
        ),
        ("/etc/systemd/network/c.network", file("[Match]\nName=e*\n")),
    ];
    let tree = tree(items);
    let mut workspace = GuestWorkspace::new(&tree);
    loosen_bindings(&mut workspace).unwrap();
    let text =
        |path: &str| workspace.read(path.as_bytes()).unwrap().map(|text| String::from_utf8(text).unwrap());
    let expected = [
        ("/etc/sysconfig/network-scripts/ifcfg-eth0", Some("DEVICE=eth0\nONBOOT=yes\n")),
        (
            "/etc/NetworkManager/system-connections/a.nmconnection",
            Some("[connection]\ntype=ethernet\n[ethernet]\n[ipv4]\nmethod=auto\n"),
        ),
        ("/etc/systemd/network/a.network", Some("[Match]\nType=ether\n[Network]\nDHCP=yes\n")),
        ("/etc/systemd/network/b.link", None),
        (
            "/etc/netplan/a.yaml",
            Some("ethernets:\n  ens3:\n    match:\n      name: \"e*\"\n    macaddress: 02:00:00:00:00:01\n"),
        ),
    ];
    for (path, expected) in expected {
        assert_eq!(text(path).as_deref(), expected, "{path}");
    }
    assert_eq!(workspace.edits().len(), 5);
}
