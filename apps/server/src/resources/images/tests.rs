use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::Value;

use super::image_name;
use crate::trial::{Answer, Trial, request};

async fn at_work() -> Trial {
    let trial = Trial::new().await;
    trial.server.start().await.unwrap();
    trial
}

/// Asks for an image with the document `body`.
async fn post(trial: &Trial, scan: &str, body: &str) -> Answer {
    trial.ask("guest", Method::POST, &format!("{scan}/images"), body.to_owned()).await
}

#[tokio::test]
async fn a_ticket_comes_at_once_and_has_what_clients_read() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    let body = "<image><compress>true</compress><targetFormat><name>virtualbox</name></targetFormat>\
                <installProfile><memorySize>768</memorySize><swapSize>64</swapSize></installProfile></image>";
    let answer = post(&trial, &scan, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let uri = format!("{scan}/images/1");
    assert_eq!(answer.header(header::LOCATION), uri);
    let text = answer.text();
    for part in [
        "<dbId>1</dbId>",
        "<size>0</size>",
        "<cancelled>false</cancelled><complete>false</complete>",
        "<error>false</error>",
        "<message>Queued</message>",
        "<percentage>0</percentage>",
        &format!("<parentUri>{scan}</parentUri>"),
        &format!("<basePublishImagesUri>{uri}/pimages</basePublishImagesUri>"),
        "<compress>true</compress>",
        "<fileSize>0</fileSize>",
        "<format><name>vbox</name></format>",
        "<name>VirtualBox</name>",
        "<imageCreated>false</imageCreated>",
        "<memorySize>768</memorySize>",
        "<swapSize>64</swapSize>",
        "<name>Web-server-1</name><revision>1</revision>",
        &format!("<statusUri>{uri}/status</statusUri>"),
        "<version>1.0</version>",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let image = trial.finished("guest", &uri).await;
    assert_eq!(image["status"]["complete"], true, "{image}");
    assert_eq!(image["status"]["percentage"], 100);
    assert_eq!(image["status"]["message"], "Image generated");
    assert_eq!(image["imageCreated"], true);
    assert_eq!(image["installProfile"]["memorySize"], 768);
    assert!(image["installProfile"]["diskSize"].as_u64().unwrap() >= 1024, "{image}");
    assert_eq!(image["fileName"], "Web-server-1.ova");
    assert_eq!(image["fileExtension"], "ova");
    assert_eq!(image["fileSize"], image["size"]);
}

#[tokio::test]
async fn every_offered_format_is_generated_both_ways() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    for (revision, (format, compress, file)) in [
        ("VirtualBox", true, Some("Web-server-1.ova")),
        ("VMware Server", true, Some("Web-server-1.ova")),
        ("QCOW2", true, Some("Web-server-1.qcow2")),
        ("Raw Virtual Disk", true, Some("Web-server-1.raw.gz")),
        ("VHD", true, Some("Web-server-1.vhd.gz")),
        ("Hyper-V", true, Some("Web-server-1.vhdx.gz")),
        ("Google Compute Engine", true, Some("Web-server-1.tar.gz")),
        ("Vagrant Base Box", true, Some("Web-server-1.box")),
        ("vmware", false, None),
        ("qcow2", false, None),
    ]
    .into_iter()
    .enumerate()
    {
        let uri = trial.generate("guest", &scan, format, compress).await;
        let image = trial.finished("guest", &uri).await;
        assert_eq!(image["status"]["complete"], true, "{format}: {image}");
        assert_eq!(image["revision"], revision + 1);
        assert_eq!(image["fileName"].as_str(), file, "{format}");
        assert_eq!(image["downloadUri"].is_string(), compress, "{format}");
        assert_eq!(image["sha256sum"].is_string(), compress, "{format}");
        assert!(image["fileSize"].as_u64().unwrap() > 0);
        let id = image["dbId"].as_i64().unwrap();
        assert!(trial.server.folder().images().join(format!("{id}/report.json")).is_file());
    }
    let all = trial.json("guest", "users/guest/images").await;
    assert_eq!(all["images"]["image"].as_array().unwrap().len(), 10);
    assert_eq!(all["total"], 10);
    assert_eq!(trial.json("other", "users/other/images").await["images"]["image"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_at_once_and_named() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    for (body, field) in [
        ("<image/>", "targetFormat"),
        ("<image><targetFormat><name>Floppy</name></targetFormat></image>", "targetFormat"),
        ("<image><compress>true</compress><targetFormat><name>vdi</name></targetFormat></image>", "compress"),
        (
            "<image><targetFormat><name>raw</name></targetFormat><installProfile><hwType>9</hwType>\
             </installProfile></image>",
            "installProfile.hwType",
        ),
        (
            "<image><targetFormat><name>raw</name></targetFormat><installProfile><memorySize>1</memorySize>\
             </installProfile></image>",
            "memorySize",
        ),
        (
            "<image><targetFormat><name>raw</name></targetFormat><entrypoint>sh</entrypoint></image>",
            "entrypoint",
        ),
        (
            "<image><compress>true</compress><targetFormat><name>raw</name></targetFormat><installProfile><partitionTable>\
             <disks><disk/><disk><partitions><partition><mpoint>/home</mpoint></partition></partitions></disk></disks>\
             </partitionTable></installProfile></image>",
            "compress",
        ),
    ] {
        let answer = post(&trial, &scan, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.text());
        let parameter = format!("<parameter>{field}</parameter>");
        assert!(answer.text().contains(&parameter), "{body}: {}", answer.text());
    }
    let all = trial.json("guest", &format!("{scan}/images")).await;
    assert_eq!(all["images"]["image"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_password_is_kept_as_its_hash_and_neither_is_shown() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    let body = "<image><compress>true</compress><targetFormat><name>raw</name></targetFormat><installProfile>\
                <timezone>Etc/UTC</timezone><rootUser><password>correct horse battery</password></rootUser>\
                </installProfile></image>";
    let answer = post(&trial, &scan, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let image = trial.get(&format!("{scan}/images/1")).await.text();
    assert!(image.contains("<timezone>Etc/UTC</timezone>"), "{image}");
    let mut kept = Vec::new();
    let database = trial.server.folder().database();
    for entry in database.parent().unwrap().read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            kept.extend(std::fs::read(path).unwrap());
        }
    }
    let has = |text: &str| kept.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!has("correct horse battery"), "the password is kept");
    assert!(has("$6$rounds=5000$"), "its hash is not: the next attempt could not set it");
    assert!(!image.contains("$6$") && !answer.text().contains("$6$"), "the hash is shown: {image}");
    let wrong = "<image><targetFormat><name>raw</name></targetFormat><installProfile><users><user><name>-x</name>\
                 </user></users></installProfile></image>";
    let answer = post(&trial, &scan, wrong).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    assert!(answer.text().contains("<parameter>users[0].name</parameter>"), "{}", answer.text());
}

#[tokio::test]
async fn old_clients_name_the_primitive_format() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    let answer = post(&trial, &scan, "<image><format><name>vbox</name></format></image>").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert!(answer.text().contains("<name>VirtualBox</name>"), "{}", answer.text());
}

#[tokio::test]
async fn what_was_read_over_stands_in_the_message_and_in_the_report() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    let body = "<image><compress>true</compress><colour>red</colour>\
                <targetFormat><name>raw</name></targetFormat></image>";
    let answer = post(&trial, &scan, body).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let text = answer.text();
    let message = text.split_once("<message>").unwrap().1.split_once("</message>").unwrap().0;
    assert!(message.starts_with("Queued; ") && message.contains("colour"), "{message}");
    let image = trial.finished("guest", answer.header(header::LOCATION)).await;
    let message = image["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("Image generated; ") && message.contains("colour"), "{message}");
    let report = std::fs::read(trial.server.folder().images().join("1/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let warnings = report["warnings"].as_array().unwrap();
    let noted = warnings.iter().find(|warning| warning["code"] == "request").unwrap();
    assert!(noted["text"].as_str().unwrap().contains("colour"), "{noted}");
}

#[tokio::test]
async fn a_generation_that_fails_says_why() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    // It was there when the tree was read.
    std::fs::remove_dir_all(trial.room.path().join("machine/boot/efi")).unwrap();
    let uri = trial.generate("guest", &scan, "raw", true).await;
    let image = trial.finished("guest", &uri).await;
    let status = &image["status"];
    assert_eq!((&status["error"], &status["complete"]), (&true.into(), &false.into()), "{image}");
    assert_eq!(status["message"], "Generation failed");
    let reason = status["errorMessage"].as_str().unwrap();
    assert!(reason.contains("boots under no firmware"), "{reason}");
    assert_eq!(status["detailedError"], true);
    assert!(status["detailedErrorMsg"].as_str().unwrap().contains(reason));
    assert!(image.get("downloadUri").is_none());
    assert_eq!(files(&trial), Vec::<String>::new());
    let answer = trial.get(&format!("{uri}/downloads")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_image_of_an_incomplete_scan_is_a_conflict() {
    let trial = Trial::new().await;
    let user = trial.user("guest").await;
    let made = trial.server.store().furnish(user).await;
    let mut change = trial.server.store().begin().await.unwrap();
    sqlx::query("UPDATE scans SET state = 'reading'").execute(&mut *change).await.unwrap();
    change.commit().await.unwrap();
    let scan = format!("users/guest/scannedinstances/{}/scans/{}", made.instance, made.scan);
    let answer = post(&trial, &scan, "<image><targetFormat><name>raw</name></targetFormat></image>").await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text());
}

#[tokio::test]
async fn a_waiting_image_is_cancelled_at_once_twice_and_deleted() {
    // Nobody works.
    let trial = Trial::new().await;
    let user = trial.user("guest").await;
    let made = trial.server.store().furnish(user).await;
    let scan = format!("users/guest/scannedinstances/{}/scans/{}", made.instance, made.scan);
    let uri = trial.generate("guest", &scan, "raw", true).await;
    for _ in 0..2 {
        let answer = trial.ask("guest", Method::DELETE, &format!("{uri}/status"), Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(
            answer.text().contains("<cancelled>true</cancelled><complete>false</complete>"),
            "{}",
            answer.text()
        );
    }
    let answer = trial.get(&format!("{uri}/status")).await;
    assert!(answer.text().contains("<message>Cancelled</message>"), "{}", answer.text());
    let answer = trial.ask("guest", Method::DELETE, &uri, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(trial.get(&uri).await.status, StatusCode::NOT_FOUND);
    assert_eq!(trial.ask("guest", Method::DELETE, &uri, Body::empty()).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_running_image_stops_within_a_second_and_leaves_nothing() {
    let trial = at_work().await;
    let scan = slow_scan(&trial).await;
    for delete in [false, true] {
        let uri = trial.generate("guest", &scan, "raw", true).await;
        trial
            .until(async || {
                let status = trial.json("guest", &format!("{uri}/status")).await;
                (status["message"] == "Writing the image").then_some(())
            })
            .await;
        let began = std::time::Instant::now();
        if delete {
            let answer = trial.ask("guest", Method::DELETE, &uri, Body::empty()).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
            assert_eq!(trial.get(&uri).await.status, StatusCode::NOT_FOUND);
        } else {
            let answer = trial.ask("guest", Method::DELETE, &format!("{uri}/status"), Body::empty()).await;
            assert!(answer.text().contains("<cancelled>true</cancelled>"), "{}", answer.text());
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
        trial.until(async || files(&trial).is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn a_finished_image_is_deleted_with_its_files() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    let uri = trial.generate("guest", &scan, "qcow2", true).await;
    trial.finished("guest", &uri).await;
    // Too late to cancel: it stays as it is.
    let answer = trial.ask("guest", Method::DELETE, &format!("{uri}/status"), Body::empty()).await;
    assert!(answer.text().contains("<complete>true</complete>"), "{}", answer.text());
    assert_eq!(files(&trial), ["1"]);
    let user = trial.user("guest").await;
    assert!(trial.server.store().usage(user).await.unwrap().bytes > 0);
    let answer = trial.ask("guest", Method::DELETE, &uri, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(files(&trial), Vec::<String>::new());
    assert_eq!(trial.server.store().usage(user).await.unwrap().bytes, 0);
}

#[tokio::test]
async fn a_scan_that_is_deleted_takes_its_running_image_along() {
    let trial = at_work().await;
    let scan = slow_scan(&trial).await;
    let uri = trial.generate("guest", &scan, "raw", true).await;
    trial
        .until(async || {
            let status = trial.json("guest", &format!("{uri}/status")).await;
            (status["message"] == "Writing the image").then_some(())
        })
        .await;
    let answer = trial.ask("guest", Method::DELETE, &scan, Body::empty()).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    trial.until(async || files(&trial).is_empty().then_some(())).await;
    trial.until(async || trial.server.store().garbage(0).await.unwrap().is_empty().then_some(())).await;
}

#[tokio::test]
async fn statuses_are_listed_for_the_images_that_are_named() {
    let trial = Trial::new().await;
    let user = trial.user("guest").await;
    let made = trial.server.store().furnish(user).await;
    let scan = format!("users/guest/scannedinstances/{}/scans/{}", made.instance, made.scan);
    let (first, second) = (
        trial.generate("guest", &scan, "raw", true).await,
        trial.generate("guest", &scan, "raw", true).await,
    );
    let all = trial.json("guest", "users/guest/images/status").await;
    assert_eq!(all["statuses"]["status"].as_array().unwrap().len(), 3);
    let some =
        trial.json("guest", &format!("users/guest/images/status?img={second}&img={first}&img=x")).await;
    let uris: Vec<&str> = some["statuses"]["status"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["parentUri"].as_str().unwrap())
        .collect();
    assert_eq!(uris, [first, second]);
}

#[tokio::test]
async fn publishing_is_answered_with_a_well_formed_501() {
    let trial = Trial::new().await;
    let user = trial.user("guest").await;
    let made = trial.server.store().furnish(user).await;
    let image =
        format!("users/guest/scannedinstances/{}/scans/{}/images/{}", made.instance, made.scan, made.image);
    for (method, uri) in [
        (Method::POST, format!("{image}/pimages")),
        (Method::GET, format!("{image}/pimages/1")),
        (Method::GET, format!("{image}/pimages/1/status")),
        (Method::DELETE, format!("{image}/pimages/1/cancel")),
        (Method::DELETE, format!("{image}/pimages/1")),
    ] {
        let answer = trial.ask("guest", method.clone(), &uri, Body::empty()).await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{method} {uri}");
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/xml");
        assert!(answer.text().contains("<statusCode>501</statusCode>"), "{}", answer.text());
        // Of an image that is not there it is not even that.
        let unknown = uri.replace("/images/", "/images/99");
        assert_eq!(trial.ask("guest", method, &unknown, Body::empty()).await.status, StatusCode::NOT_FOUND);
    }
    for uri in [format!("{image}/pimages"), "users/guest/pimages".to_owned()] {
        assert_eq!(
            trial.json("guest", &uri).await["publishImages"]["publishImage"],
            Value::Array(Vec::new())
        );
    }
}

#[tokio::test]
async fn more_images_than_the_account_may_have_are_refused() {
    let trial = Trial::with(|settings| settings.quota.images = 2).await;
    let user = trial.user("guest").await;
    let made = trial.server.store().furnish(user).await;
    let scan = format!("users/guest/scannedinstances/{}/scans/{}", made.instance, made.scan);
    trial.generate("guest", &scan, "raw", true).await;
    let answer = post(&trial, &scan, "<image><targetFormat><name>raw</name></targetFormat></image>").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("<messageId>quota.exceeded</messageId>"), "{}", answer.text());
}

#[tokio::test]
async fn target_formats_have_what_clients_read_and_numbers_that_stay() {
    let trial = Trial::new().await;
    let list = trial.json("guest", "users/guest/targetformats").await;
    let formats = list["targetFormats"]["targetFormat"].as_array().unwrap();
    let names: Vec<&str> = formats.iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in [
        "VirtualBox",
        "VMware",
        "VMware Server",
        "VMware vCenter",
        "QCOW2",
        "Raw",
        "Raw Virtual Disk",
        "VHD",
        "Hyper-V",
        "Google Compute Engine",
        "Vagrant Base Box",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for format in formats {
        for field in ["dbId", "name", "uri", "type"] {
            assert!(!format[field].is_null(), "{field}: {format}");
        }
        assert!(format["format"]["name"].is_string() && format["category"]["name"].is_string(), "{format}");
        assert_eq!((&format["access"], &format["active"]), (&true.into(), &true.into()));
        assert_eq!(&trial.json("guest", format["uri"].as_str().unwrap()).await["name"], &format["name"]);
    }
    // Clients keep them: a digest of the name, in no way of the order.
    let virtual_box = formats.iter().find(|one| one["name"] == "VirtualBox").unwrap();
    assert_eq!(virtual_box["dbId"], 129_043_875);
    let primitives = trial.json("guest", "users/guest/formats").await;
    let primitives: Vec<&str> = primitives["imageFormats"]["imageFormat"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(primitives.contains(&"vbox") && primitives.contains(&"raw"), "{primitives:?}");
    assert_eq!(trial.get("orgs/1/targetformats").await.status, StatusCode::FORBIDDEN);
    for (uri, status) in [("orgs/1/targetformats", 200), ("orgs/1/formats", 200), ("orgs/2/formats", 404)] {
        assert_eq!(trial.ask("root", Method::GET, uri, Body::empty()).await.status, status, "{uri}");
    }
}

#[test]
fn a_machine_s_name_becomes_a_file_s() {
    for (machine, name) in [
        ("web", "web"),
        ("Web server 1", "Web-server-1"),
        ("../../etc/passwd", "etc-passwd"),
        ("...", "image"),
        ("", "image"),
        ("-rf", "rf"),
        ("é", "image"),
    ] {
        assert_eq!(image_name(machine), name, "{machine}");
    }
    assert_eq!(image_name(&"a".repeat(100)).len(), 64);
}

/// A scan whose image takes seconds, in an unoptimised program tens of seconds.
async fn slow_scan(trial: &Trial) -> String {
    let tree = trial.room.path().join("large");
    crate::trial::write_machine(&tree);
    // Numbers from a multiplicative generator: nothing that a codec could skip.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Sixteen values of a byte: it can be packed, with effort.
        (state >> 60) as u8 + b'a'
    })
    .take(8 << 20)
    .collect();
    for number in 0..40 {
        std::fs::write(tree.join(format!("noise-{number}")), &noise).unwrap();
    }
    trial.scan_of("guest", &tree).await
}

/// What there is of images.
fn files(trial: &Trial) -> Vec<String> {
    let entries = std::fs::read_dir(trial.server.folder().images()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn hostile_bodies_are_refused_with_a_document_and_leave_nothing() {
    let trial = at_work().await;
    let scan = trial.scan("guest").await;
    let images = format!("{scan}/images");
    let refused =
        |body: &diskwright_hostile::Body| matches!(body.expected, diskwright_hostile::Expected::Refused(_));
    let bodies: Vec<_> = diskwright_hostile::bodies().into_iter().filter(refused).collect();
    assert!(bodies.len() >= 240, "{}", bodies.len());
    for (number, body) in bodies.into_iter().enumerate() {
        let accept = if number % 2 == 0 { "application/json" } else { "application/xml" };
        let request = request("guest", Method::POST, &images)
            .header(header::CONTENT_TYPE, body.content_type)
            .header(header::ACCEPT, accept);
        let answer = trial.send(request.body(body.bytes.into()).unwrap()).await;
        assert!(answer.status.is_client_error(), "{}: {}", body.name, answer.status);
        assert_eq!(answer.header(header::CONTENT_TYPE), accept, "{}", body.name);
        let text = answer.text();
        assert!(text.contains("localizedErrorMsg") && text.contains("requestUri"), "{}: {text}", body.name);
        assert!(text.contains(answer.status.as_str()), "{}: {text}", body.name);
    }
    let left = trial.get(&images).await.text();
    assert!(left.contains("<images/>") || left.contains("<images></images>"), "{left}");
}
