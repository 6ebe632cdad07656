use crate::Document;
use crate::read::tree;
use crate::samples::documents;
use crate::{
    Category, Common, Image, ImageFormat, ImageFormatName, Images, InstallProfile, LocalizedMessage,
    PublishImages, Status, Syntax, TargetFormat, TargetFormatKind, Time, UForgeError, Upload,
};

/// The ticket that answers a request to generate an image.
fn ticket() -> Image {
    let image = "users/guest/scannedinstances/1/scans/2/images/3";
    let epoch = Time::from_milliseconds(1_767_225_600_000);
    let vbox = || Some(ImageFormat { name: ImageFormatName::named("vbox"), ..Default::default() });
    Image {
        common: Common {
            created: epoch,
            db_id: Some(3),
            digest: Some("0123456789abcdef0123456789abcdef".into()),
            last_modified: epoch,
        },
        upload: Upload {
            size: Some(0),
            status: Some(Status {
                parent_uri: Some(image.into()),
                uri: Some(format!("{image}/status")),
                ..Status::running("Queued", 0)
            }),
            ..Default::default()
        },
        parent_uri: Some("users/guest/scannedinstances/1/scans/2".into()),
        base_publish_images_uri: Some(format!("{image}/pimages")),
        compress: Some(true),
        file_size: Some(0),
        format: vbox(),
        target_format: Some(TargetFormat {
            common: Common { db_id: Some(1), ..Default::default() },
            name: Some("VirtualBox".into()),
            format: vbox(),
            category: Some(Category { name: Some("Virtual".into()), ..Default::default() }),
            kind: TargetFormatKind::named("virtual"),
            access: Some(true),
            active: Some(true),
            uri: Some("orgs/1/targetformats/1".into()),
            ..Default::default()
        }),
        image_created: Some(false),
        install_profile: Some(InstallProfile { memory_size: Some(512), ..Default::default() }),
        name: Some("Scan #1".into()),
        revision: Some(1),
        status_uri: Some(format!("{image}/status")),
        uri: Some(image.into()),
        version: Some("1.0".into()),
        ..Default::default()
    }
}

#[test]
fn the_ticket_is_written_as_clients_read_it() {
    let expected = concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
        "<ns0:image xmlns:ns0=\"http://www.usharesoft.com/uforge\">",
        "<created>2026-01-01T00:00:00.000Z</created><dbId>3</dbId><digest>0123456789abcdef0123456789abcdef</digest>",
        "<lastModified>2026-01-01T00:00:00.000Z</lastModified><size>0</size>",
        "<status><cancelled>false</cancelled><complete>false</complete><detailedError>false</detailedError>",
        "<error>false</error><message>Queued</message>",
        "<parentUri>users/guest/scannedinstances/1/scans/2/images/3</parentUri><percentage>0</percentage>",
        "<uri>users/guest/scannedinstances/1/scans/2/images/3/status</uri></status>",
        "<parentUri>users/guest/scannedinstances/1/scans/2</parentUri>",
        "<basePublishImagesUri>users/guest/scannedinstances/1/scans/2/images/3/pimages</basePublishImagesUri>",
        "<compress>true</compress><fileSize>0</fileSize><format><name>vbox</name></format>",
        "<targetFormat><dbId>1</dbId><name>VirtualBox</name><format><name>vbox</name></format>",
        "<category><name>Virtual</name></category><type>virtual</type><access>true</access><active>true</active>",
        "<uri>orgs/1/targetformats/1</uri></targetFormat><imageCreated>false</imageCreated>",
        "<installProfile><memorySize>512</memorySize></installProfile><name>Scan #1</name><revision>1</revision>",
        "<statusUri>users/guest/scannedinstances/1/scans/2/images/3/status</statusUri>",
        "<uri>users/guest/scannedinstances/1/scans/2/images/3</uri><version>1.0</version></ns0:image>\n",
    );
    assert_eq!(ticket().render(Syntax::Xml), expected);
}

#[test]
fn the_ticket_in_json_has_the_same_fields_below_its_roots_name() {
    let expected = concat!(
        r#"{"image":{"created":"2026-01-01T00:00:00.000Z","dbId":3,"digest":"0123456789abcdef0123456789abcdef","#,
        r#""lastModified":"2026-01-01T00:00:00.000Z","size":0,"status":{"cancelled":false,"complete":false,"#,
        r#""detailedError":false,"error":false,"message":"Queued","#,
        r#""parentUri":"users/guest/scannedinstances/1/scans/2/images/3","percentage":0,"#,
        r#""uri":"users/guest/scannedinstances/1/scans/2/images/3/status"},"#,
        r#""parentUri":"users/guest/scannedinstances/1/scans/2","#,
        r#""basePublishImagesUri":"users/guest/scannedinstances/1/scans/2/images/3/pimages","compress":true,"#,
        r#""fileSize":0,"format":{"name":"vbox"},"targetFormat":{"dbId":1,"name":"VirtualBox","#,
        r#""format":{"name":"vbox"},"category":{"name":"Virtual"},"type":"virtual","access":true,"active":true,"#,
        r#""uri":"orgs/1/targetformats/1"},"imageCreated":false,"installProfile":{"memorySize":512},"#,
        r#""name":"Scan #1","revision":1,"statusUri":"users/guest/scannedinstances/1/scans/2/images/3/status","#,
        r#""uri":"users/guest/scannedinstances/1/scans/2/images/3","version":"1.0"}}"#,
        "\n",
    );
    assert_eq!(ticket().render(Syntax::Json), expected);
}

#[test]
fn lists_keep_their_wrapper_when_they_are_empty() {
    let empty = Images::default();
    let root = "<ns0:images xmlns:ns0=\"http://www.usharesoft.com/uforge\">";
    assert!(
        empty
            .render(Syntax::Xml)
            .ends_with(&format!("{root}<total>0</total><images></images></ns0:images>\n"))
    );
    assert_eq!(empty.render(Syntax::Json), "{\"images\":{\"total\":0,\"images\":{\"image\":[]}}}\n");
    let published = PublishImages::default().render(Syntax::Json);
    assert_eq!(published, "{\"publishImages\":{\"total\":0,\"publishImages\":{\"publishImage\":[]}}}\n");
}

#[test]
fn a_list_of_one_is_an_array_and_says_how_many_there_are_elsewhere() {
    let one = Image { name: Some("a".into()), ..Default::default() };
    let some = Images::page(vec![one], 12);
    assert_eq!(
        some.render(Syntax::Json),
        "{\"images\":{\"total\":12,\"images\":{\"image\":[{\"name\":\"a\"}]}}}\n"
    );
}

#[test]
fn both_syntaxes_say_the_same_in_every_document() {
    for document in documents() {
        let xml = tree(&document.xml, document.root).unwrap();
        let json = tree(&document.json, document.root).unwrap();
        assert_eq!(xml, json, "{}", document.root);
    }
}

#[test]
fn any_text_is_written_so_that_it_can_be_read() {
    let message = "a<b>&\"c\"'\r\n\t]]> é \u{1f600} \u{0}\u{b}\u{1b}\u{fffe}\\";
    let error = UForgeError {
        localized_error_msg: Some(LocalizedMessage { message: Some(message.into()), ..Default::default() }),
        ..Default::default()
    };
    let xml = error.render(Syntax::Xml);
    let content =
        "a&lt;b&gt;&amp;&quot;c&quot;&apos;&#13;\n\t]]&gt; é \u{1f600} \u{fffd}\u{fffd}\u{fffd}\u{fffd}\\";
    assert!(xml.contains(&format!("<message>{content}</message>")), "{xml}");
    assert!(tree(&xml, "uforgeError").is_ok());
    let json: serde_json::Value = serde_json::from_str(&error.render(Syntax::Json)).unwrap();
    assert_eq!(json["uforgeError"]["localizedErrorMsg"]["message"], message);
}

#[test]
fn a_number_that_its_field_cannot_hold_is_left_out() {
    let image = |size| Image { file_size: Some(size), ..Default::default() }.render(Syntax::Json);
    assert_eq!(image(u64::MAX), "{\"image\":{}}\n");
    assert_eq!(image(i64::MAX as u64), "{\"image\":{\"fileSize\":9223372036854775807}}\n");
}

#[test]
fn times_have_milliseconds_and_a_z() {
    for (milliseconds, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_523_879_039_000, "2018-04-16T11:43:59.000Z"),
        (1_523_879_039_007, "2018-04-16T11:43:59.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ] {
        let time = Time::from_milliseconds(milliseconds).unwrap();
        assert_eq!((time.to_string().as_str(), time.milliseconds()), (text, milliseconds));
    }
    assert_eq!(Time::from_milliseconds(i64::MAX), None);
}

#[test]
fn every_status_has_what_clients_read_without_looking() {
    let detailed = Some("all of it".to_owned());
    for (status, complete, cancelled, error) in [
        (Status::running("Reading", 250), false, false, false),
        (Status::complete("Done"), true, false, false),
        (Status::cancelled("Cancelled", 40), false, true, false),
        (Status::failed("Failed", -1, "no space", detailed), false, false, true),
    ] {
        assert_eq!((status.complete, status.cancelled), (Some(complete), Some(cancelled)));
        assert_eq!((status.error, status.detailed_error), (Some(error), Some(error)));
        assert!(status.message.is_some() && (0..=100).contains(&status.percentage.unwrap()));
        assert_eq!((status.error_message.is_some(), status.detailed_error_msg.is_some()), (error, error));
    }
}
