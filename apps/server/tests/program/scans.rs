//! The commands that administer scans, alone and beside a running server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::Value;

use crate::room::{PASSWORD, Room, Running};

const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar");

impl Room {
    fn scans(&self) -> Value {
        let list = self.run(&["scan", "list", "--output", "json"]).success();
        let list: Value = serde_json::from_slice(&list.get_output().stdout).unwrap();
        assert_eq!(list["schema"], "diskwright-scans/1");
        list["scans"].clone()
    }

    /// The scans, once the one that was added last is over.
    fn read_scans(&self) -> Value {
        loop {
            let scans = self.scans();
            let state = scans.as_array().unwrap().last().unwrap()["state"].as_str().unwrap();
            if ["complete", "failed"].contains(&state) {
                return scans;
            }
        }
    }
}

#[test]
fn registered_trees_are_read_by_the_server_that_runs_and_stay_where_they_are() {
    let room = Room::new();
    let server = Running::start(&room);
    let added = room.run(&["scan", "add", "--user", "guest", "--name", "web", TREE]).success();
    let uri = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    assert_eq!(uri, "users/guest/scannedinstances/1/scans/1\n");
    let scans = room.read_scans();
    assert_eq!((&scans[0]["state"], &scans[0]["name"]), (&"complete".into(), &"Scan 1".into()));
    assert_eq!(server.json(uri.trim())["status"]["complete"], true);

    // A directory, under the same machine.
    let tree = tempfile::tempdir().unwrap();
    let tree_path = tree.path().join("tree");
    std::fs::create_dir_all(tree_path.join("etc")).unwrap();
    std::fs::write(tree_path.join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n").unwrap();
    let path = tree_path.to_str().unwrap();
    room.run(&["scan", "add", "--user", "guest", "--name", "web", "--scan-name", "live", path]).success();
    let scans = room.read_scans();
    assert_eq!(scans[1]["state"], "complete", "{scans}");
    assert_eq!(scans[1]["instance"]["id"], scans[0]["instance"]["id"]);

    room.run(&["scan", "remove", "1"]).success();
    assert!(PathBuf::from(TREE).is_file());
    assert_eq!(room.scans().as_array().unwrap().len(), 1);
    assert_eq!(server.get(uri.trim()).status, 404);
}

#[test]
fn a_scan_whose_tree_is_arriving_is_listed_and_can_be_removed() {
    let room = Room::new();
    let server = Running::start(&room);
    room.run(&["scan", "add", "--user", "guest", "--name", "web", TREE]).success();
    room.read_scans();
    let tree = std::fs::read(TREE).unwrap();
    let (first, second) = tree.split_at(10_000);
    let mut upload = TcpStream::connect(&server.address).unwrap();
    let request = format!(
        "POST /api/users/guest/scannedinstances/1/scans HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Basic guest:{PASSWORD}\r\nContent-Length: {}\r\n\r\n",
        tree.len()
    );
    upload.write_all(request.as_bytes()).unwrap();
    upload.write_all(first).unwrap();
    let arriving = loop {
        if let Some(scan) = room.scans().as_array().unwrap().iter().find(|scan| scan["id"] == 2) {
            break scan.clone();
        }
    };
    assert_eq!(arriving["state"], "arriving");
    assert_eq!(arriving["instance"]["name"], "web");
    // To those who ask the server there is none before it is whole.
    assert_eq!(server.get("users/guest/scannedinstances/1/scans/2").status, 404);
    let list = room.run(&["scan", "list"]).success();
    let list = String::from_utf8(list.get_output().stdout.clone()).unwrap();
    assert!(list.contains("     2  guest  web / Scan 2  arriving\n"), "{list}");
    room.run(&["scan", "remove", "2"]).success();
    assert_eq!(room.scans().as_array().unwrap().len(), 1);
    upload.write_all(second).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    assert_eq!(std::fs::read_dir(room.data().join("uploads")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_registered_is_refused() {
    let room = Room::new();
    let file = room.directory.path().join("text");
    std::fs::write(&file, "no archive").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, message) in [
        (["scan", "add", "--user", "nobody", "--name", "web", TREE], "there is no account \"nobody\""),
        (
            ["scan", "add", "--user", "guest", "--name", "web", "/nowhere/at/all"],
            "cannot find /nowhere/at/all",
        ),
        (
            ["scan", "add", "--user", "guest", "--name", "web", "/dev/null"],
            "neither an archive nor a directory",
        ),
        (["scan", "add", "--user", "guest", "--name", "web", file], "is no tar archive"),
    ] {
        let refused = room.run(&arguments).failure();
        let error = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
        assert!(error.contains(message), "{error}");
    }
    let refused = room.run(&["scan", "remove", "7"]).failure();
    assert!(String::from_utf8(refused.get_output().stderr.clone()).unwrap().contains("there is no scan 7"));
    assert_eq!(room.scans(), Value::Array(Vec::new()));
}

#[test]
fn an_upload_in_parts_comes_over_the_wire() {
    let room = Room::new();
    let server = Running::start(&room);
    let tree = std::fs::read(TREE).unwrap();
    let instance = "<scannedInstance><name>web</name><distribution><name>Debian</name><version>12</version>\
        <arch>x86_64</arch></distribution></scannedInstance>";
    let instances = "users/guest/scannedinstances";
    let answer = server.ask("POST", instances, "", instance.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let answer = server.ask("POST", "users/guest/scannedinstances/1/scans", "", &[]);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let overlay = "users/guest/scannedinstances/1/scans/1/overlay";
    assert_eq!(server.ask("POST", overlay, "Upload-Length: 5\r\n", b"x").status, 400);
    let begun = server.ask("POST", overlay, &format!("Upload-Length: {}\r\n", tree.len()), &[]);
    assert_eq!(begun.status, 201, "{}", begun.text());
    let (first, second) = tree.split_at(10_000);
    for (offset, part) in [(0, first), (first.len(), second)] {
        let kind = "Content-Type: application/offset+octet-stream\r\n";
        let answer = server.ask("PATCH", overlay, &format!("{kind}Upload-Offset: {offset}\r\n"), part);
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    assert_eq!(room.read_scans()[0]["state"], "complete");
}
