//! What images show of disks and volume groups that were asked for.

use axum::http::{Method, StatusCode, header};
use diskwright::profile::BootPolicy;

use crate::trial::Trial;

/// A group on both disks; the second is fitted.
const SPANNING: &str = "<installProfile><diskSize>64</diskSize><swapSize>0</swapSize><partitionTable><disks>
    <disk><partitions><partition><fstype>lvm2</fstype><growable>true</growable><uri>p/1</uri></partition></partitions></disk>
    <disk><partitions><partition><fstype>lvm2</fstype><size>32</size><uri>p/2</uri></partition></partitions></disk></disks>
    <logicalGroups><logicalGroup><name>data</name><partitionUris><uri>p/1</uri><uri>p/2</uri></partitionUris></logicalGroup>
    </logicalGroups><logicalVolumes><logicalVolume><name>root</name><volumes><volume><fstype>ext4</fstype><mpoint>/</mpoint>
    </volume></volumes></logicalVolume></logicalVolumes></partitionTable></installProfile>";

async fn order(trial: &Trial, scan: &str, profile: &str) -> String {
    let body = format!(
        "<image><compress>true</compress><targetFormat><name>virtualbox</name></targetFormat>{profile}</image>"
    );
    let answer = trial.ask("guest", Method::POST, &format!("{scan}/images"), body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.header(header::LOCATION).to_owned()
}

/// The profile that an image shows.
async fn shown(trial: &Trial, image: &str) -> String {
    let text = trial.get(image).await.text();
    let (start, end) = ("<installProfile>", "</installProfile>");
    let range = text.find(start).unwrap()..text.find(end).unwrap() + end.len();
    text[range].to_owned()
}

#[tokio::test]
async fn what_an_image_shows_of_volume_groups_makes_the_same_disks_again() {
    let trial = Trial::with(|settings| settings.boot = BootPolicy::None).await;
    trial.server.start().await.unwrap();
    let scan = trial.scan("guest").await;
    let first = order(&trial, &scan, SPANNING).await;
    let waiting = shown(&trial, &first).await;
    let image = trial.finished("guest", &first).await;
    assert_eq!(image["status"]["complete"], true, "{image}");
    let made = shown(&trial, &first).await;
    for text in [&waiting, &made] {
        for part in ["<logicalGroup><name>data</name>", "<logicalVolume>", "<mpoint>/</mpoint>"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let disks = image["installProfile"]["partitionTable"]["disks"]["disk"].as_array().unwrap();
    assert_eq!(disks[0]["size"], 64, "{image}");
    assert_eq!(disks[1]["size"], 1024, "what is fitted is in whole GiB: {image}");
    for profile in [&waiting, &made] {
        let again = order(&trial, &scan, profile).await;
        let image = trial.finished("guest", &again).await;
        assert_eq!(image["status"]["complete"], true, "{image}");
        assert_eq!(shown(&trial, &again).await, made);
    }
}
