//! The scan-image API's documents, XML and JSON.

use crate::target::Reach;
use diskwright::{Error, ErrorKind};
use diskwright_request::{Document, ImageRequest, ScanRequest, ScannedInstanceRequest, Syntax};

/// Bytes as each of the documents; a request for an image, written in either syntax, is read as the same again.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let failures = [ScanRequest::parse(bytes).err(), ScannedInstanceRequest::parse(bytes).err()];
    for error in failures.into_iter().flatten() {
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
        assert!(error.to_string().len() < 32 << 10, "an error as long as its cause");
    }
    let request = match ImageRequest::parse(bytes) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    let image = match request.to_image() {
        Ok(image) => image,
        Err(error) => return refused(&error),
    };
    for syntax in [Syntax::Xml, Syntax::Json] {
        let text = image.render(syntax);
        let again = match ImageRequest::parse(text.as_bytes()) {
            Ok(again) => again,
            Err(error) => panic!("what was written is refused: {error}\n{text}"),
        };
        assert_eq!(again.compress, request.compress, "{text}");
        assert_eq!(again.target_format, request.target_format, "{text}");
        assert_eq!(again.to_image().unwrap().render(syntax), text);
    }
    Reach::Whole
}

fn refused(error: &Error) -> Reach {
    assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
    Reach::Refused
}

/// Requests with everything that they may say, in both syntaxes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?><ns0:image xmlns:ns0="http://www.usharesoft.com/uforge"><compress>true</compress><targetFormat><name>QCOW2</name></targetFormat><installProfile><memorySize>1024</memorySize><swapSize>512</swapSize><diskSize>8192</diskSize><hostname>web</hostname><timezone>Europe/Paris</timezone><keyboard><name>de</name></keyboard><rootUser><password>x</password></rootUser><partitionTable><disks><disk><name>sda</name><size>4096</size><partitions><partition><number>1</number><fstype>ext4</fstype><mountPoint>/</mountPoint><size>2048</size><growable>true</growable></partition></partitions></disk></disks></partitionTable><nics><nic><name>eth0</name></nic></nics></installProfile></ns0:image>"#;
    let json = r#"{"image":{"compress":false,"targetFormat":{"name":"VMware"},"installProfile":{"memorySize":2048,"hostname":"db.example.org","osUsers":{"osUsers":[{"name":"anna","homeDir":"/home/anna","shell":"/bin/sh"}]},"osGroups":{"osGroup":[]},"installerSettings":null}}}"#;
    let other = r#"{"scannedInstance":{"name":"machine","distribution":{"name":"Debian","version":"12","arch":"x86_64"}}}"#;
    let scan = "<scan><name>first</name><description>&lt;&#x41;</description></scan>";
    [xml, json, other, scan].map(|text| text.as_bytes().to_vec()).to_vec()
}
