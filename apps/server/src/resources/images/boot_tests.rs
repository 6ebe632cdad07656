//! What becomes of trees whose disks boot under no firmware, and of too many requests.

use axum::http::{Method, StatusCode, header};
use diskwright::profile::BootPolicy;

use crate::trial::{Trial, write_machine};

/// A server at work with a policy, and a scan of a tree without a loader for any firmware.
async fn without_loader(policy: BootPolicy) -> (Trial, String) {
    let trial = Trial::with(|settings| settings.boot = policy).await;
    trial.server.start().await.unwrap();
    let tree = trial.room.path().join("data-only");
    write_machine(&tree);
    std::fs::remove_dir_all(tree.join("boot/efi")).unwrap();
    let scan = trial.scan_of("guest", &tree).await;
    (trial, scan)
}

#[tokio::test]
async fn a_disk_that_boots_under_no_firmware_is_refused_at_once() {
    let (trial, scan) = without_loader(BootPolicy::Required).await;
    let message = trial.json("guest", &format!("{scan}/status")).await["message"].to_string();
    assert!(message.contains("the disk boots under no firmware"), "{message}");
    let body = "<image><targetFormat><name>raw</name></targetFormat></image>";
    let answer = trial.ask("guest", Method::POST, &format!("{scan}/images"), body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    for part in ["the disk boots under no firmware", "--boot optional", "<parameter>boot</parameter>"] {
        assert!(answer.text().contains(part), "{part}: {}", answer.text());
    }
    assert_eq!(trial.json("guest", "users/guest/images").await["total"], 0);
}

#[tokio::test]
async fn where_booting_is_optional_the_ticket_says_that_the_disk_does_not() {
    let (trial, scan) = without_loader(BootPolicy::Optional).await;
    let uri = trial.generate("guest", &scan, "raw", true).await;
    let image = trial.finished("guest", &uri).await;
    assert_eq!(image["status"]["complete"], true, "{image}");
    let message = image["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("Image generated; the disk boots under no firmware: "), "{message}");
    let report = trial.server.folder().images().join(format!("{}/report.json", image["dbId"]));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let warnings = report["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["code"] == "does-not-boot"), "{report}");
    assert_eq!(report["profile"]["boot"]["value"], "optional");
}

#[tokio::test]
async fn where_nothing_shall_boot_disks_are_for_data_only_and_say_so() {
    let (trial, scan) = without_loader(BootPolicy::None).await;
    let message = trial.json("guest", &format!("{scan}/status")).await["message"].clone();
    assert_eq!(message, "Complete");
    // This one could boot, if the server let it.
    let bootable = trial.scan("guest").await;
    for scan in [scan, bootable] {
        let uri = trial.generate("guest", &scan, "raw", true).await;
        let image = trial.finished("guest", &uri).await;
        let message = image["status"]["message"].as_str().unwrap();
        assert_eq!(
            message,
            "Image generated; the disk is laid out for data only and boots under no firmware"
        );
    }
}

#[tokio::test]
async fn one_more_image_than_may_wait_is_refused_for_now() {
    let trial = Trial::with(|settings| settings.queue = 2).await;
    let user = trial.user("guest").await;
    // A complete scan, one image of which waits; nobody works.
    let made = trial.server.store().furnish(user).await;
    let scan = format!("users/guest/scannedinstances/{}/scans/{}", made.instance, made.scan);
    let body = "<image><targetFormat><name>raw</name></targetFormat></image>";
    let ask = async || trial.ask("guest", Method::POST, &format!("{scan}/images"), body).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = ask().await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(answer.text().contains("2 images wait for their turn already"), "{}", answer.text());
            assert_eq!(answer.header(header::RETRY_AFTER), "30");
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [201, 201, 503]);
}
