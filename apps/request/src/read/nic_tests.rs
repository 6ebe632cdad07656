use diskwright_core::profile::{NicMethod, NicRequest, Profile, RouteRequest};
use diskwright_core::{Error, Result};

use crate::*;

fn parse(document: &str) -> Result<ImageRequest> {
    ImageRequest::parse(document.as_bytes())
}

fn fields(error: &Error) -> Vec<&str> {
    std::iter::once(error).chain(error.also()).filter_map(Error::field).collect()
}

#[test]
fn interfaces_are_in_the_order_of_their_numbers_with_their_routes() {
    let nic =
        |number: u32, rest: &str| format!("<nic><name>lan{number}</name>{rest}<order>{number}</order></nic>");
    let body = |nics: &[String]| {
        format!("<image><installProfile><nics>{}</nics></installProfile></image>", nics.concat())
    };
    let route = |metric: u32| {
        format!(
            "<ipv4Method>AUTOMATIC</ipv4Method><routes><route><address>198.51.100.0</address><gateway>192.0.2.2</gateway>
             <metric>{metric}</metric><netmask>255.255.255.0</netmask><type>4</type></route></routes>"
        )
    };
    let off = "<ipv4Method>DISABLED</ipv4Method>";
    let request = parse(&body(&[nic(2, off), nic(1, &route(0))])).unwrap();
    let nics = request.profile.nics.unwrap();
    let named = |nic: &NicRequest| (nic.name.clone().unwrap(), nic.method.unwrap());
    assert_eq!(
        nics.iter().map(named).collect::<Vec<_>>(),
        [("lan1".to_owned(), NicMethod::Dhcp), ("lan2".to_owned(), NicMethod::None)]
    );
    let expected = RouteRequest { to: "198.51.100.0/24".into(), via: "192.0.2.2".into() };
    assert_eq!(nics[0].routes.as_deref(), Some(&[expected][..]));
    let error = parse(&body(&[nic(1, &route(5)), nic(2, "")])).unwrap_err();
    assert_eq!(
        fields(&error),
        ["installProfile.nics.nic[0].routes.route[0].metric", "installProfile.nics.nic[1].ipv4Method"]
    );
}

#[test]
fn an_interface_of_the_scan_sent_back_changes_nothing() {
    let echo = "<image><installProfile><nics><nic><name>eth0</name><order>1</order></nic></nics></installProfile></image>";
    let request = parse(echo).unwrap();
    assert_eq!(request.profile, Profile::default());
    assert!(request.notes[0].contains("stays as the tree has it"), "{:?}", request.notes);
    for (mask, length) in [("255.255.255.0", Some("24")), ("/16", Some("16")), ("255.0.255.0", None)] {
        let body = format!(
            "<image><installProfile><nics><nic><ipAddresses><ipAddress><address>10.0.0.1</address>
             <netmask>{mask}</netmask></ipAddress></ipAddresses></nic></nics></installProfile></image>"
        );
        match (parse(&body), length) {
            (Ok(request), Some(length)) => {
                let nics = request.profile.nics.unwrap();
                assert_eq!(nics[0].addresses.as_ref().unwrap()[0], format!("10.0.0.1/{length}"));
            }
            (Err(error), None) => assert!(error.field().unwrap().ends_with("netmask")),
            (other, _) => panic!("{mask}: {other:?}"),
        }
    }
}
