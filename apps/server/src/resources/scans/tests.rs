use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use crate::resources::bench::{Bench, INSTANCE, chunked, gzip, message_id, tree, zstd};
use crate::store::{InstanceAdded, NewInstance};
use crate::trial::{Trial, request};

#[tokio::test]
async fn a_tree_of_any_packing_becomes_a_complete_scan() {
    let bench = Bench::new().await;
    for (name, body) in [("plain", tree()), ("gzip", gzip(&tree())), ("zstd", zstd(&tree()))] {
        let scan = bench.scan().await;
        let len = body.len();
        let answer = bench.post(&format!("{scan}/overlay?overlayName=web.tar"), body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{name}: {}", answer.text());
        assert!(answer.body.is_empty());
        assert_eq!(answer.headers.get(header::CONTENT_TYPE), None);
        let status = bench.wait(&scan).await;
        assert_eq!(status["complete"], true, "{name}: {status}");
        assert_eq!(status["percentage"], 100);
        assert!(status["message"].as_str().unwrap().starts_with("Complete"), "{status}");
        let document = bench.json(&scan).await;
        assert_eq!(document["overlayPath"], "web.tar");
        assert!(document["installProfile"]["diskSize"].as_u64().unwrap() > 0, "{document}");
        let tree = bench.trial.get(&format!("{scan}/overlay")).await;
        assert_eq!(tree.header(header::CONTENT_LENGTH), len.to_string());
        assert_eq!(tree.body.len(), len);
    }
    let scans = bench.json(&format!("{}/scans", bench.instance)).await;
    let names: Vec<&str> = scans["scans"]["scan"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scan| scan["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Scan 1", "Scan 2", "Scan 3"]);
}

#[tokio::test]
async fn a_tree_of_unknown_length_is_taken_and_held_as_long_as_it_is() {
    let bench = Bench::new().await;
    let answer = bench.post(&format!("{}/scans", bench.instance), chunked(&tree())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(bench.wait(answer.header(header::LOCATION)).await["complete"], true);
    assert_eq!(bench.bytes_used().await, tree().len() as u64);
}

#[tokio::test]
async fn a_scan_may_come_with_its_tree_and_goes_with_it() {
    let bench = Bench::new().await;
    let answer =
        bench.post(&format!("{}/scans?reportFileName=web.tar.gz", bench.instance), gzip(&tree())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let scan = answer.header(header::LOCATION).to_owned();
    bench.wait(&scan).await;
    let deleted = bench.trial.ask("guest", Method::DELETE, &scan, Body::empty()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    bench.check_clean().await;
    assert_eq!(bench.trial.get(&scan).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn forms_carry_the_tree_and_its_checksum_in_either_order() {
    let bench = Bench::new().await;
    let crc = crc32fast::hash(&tree()).to_string();
    let file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"t.tar\"\r\n\r\n";
    let field = |crc: &str| format!("--b\r\nContent-Disposition: form-data; name=\"crc\"\r\n\r\n{crc}\r\n");
    let send = |uri: String, parts: Vec<Vec<u8>>| {
        let request = request("guest", Method::POST, &uri)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        bench.trial.send(request.body(Body::from([parts.concat(), b"--b--\r\n".to_vec()].concat())).unwrap())
    };
    let file = || [file.as_bytes(), &tree(), b"\r\n"].concat();
    let scans = format!("{}/scans", bench.instance);
    for parts in [vec![field(&crc).into_bytes(), file()], vec![file(), field(&crc).into_bytes()]] {
        let answer = send(scans.clone(), parts).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        assert_eq!(bench.wait(answer.header(header::LOCATION)).await["complete"], true);
    }
    let held = bench.bytes_used().await;
    for parts in [
        vec![field("1").into_bytes(), file()],
        vec![file(), field("1").into_bytes()],
        vec![file(), file()],
        vec![],
    ] {
        let answer = send(scans.clone(), parts).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    }
    assert_eq!(bench.bytes_used().await, held);
    assert_eq!(bench.uploads().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_a_tree_is_refused_and_nothing_stored() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let overlay = format!("{scan}/overlay");
    for (query, body, status, id) in [
        ("", b"no tar".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.type"),
        ("", Vec::new(), StatusCode::BAD_REQUEST, "request.invalid"),
        ("?crc=1", tree(), StatusCode::BAD_REQUEST, "upload.checksum"),
        ("?crc=00000000000000000000000000000000", tree(), StatusCode::BAD_REQUEST, "upload.checksum"),
        ("?crc=what", tree(), StatusCode::BAD_REQUEST, "request.invalid"),
        ("?overlayName=%0a", tree(), StatusCode::BAD_REQUEST, "request.invalid"),
    ] {
        let answer = bench.post(&format!("{overlay}{query}"), body).await;
        assert_eq!((answer.status, message_id(&answer).as_str()), (status, id), "{query}: {}", answer.text());
        bench.check_clean().await;
        assert_eq!(bench.json(&format!("{scan}/status")).await["message"], "Waiting for the tree");
    }
    // The right one is welcome afterwards.
    let crc = format!("{:08x}", crc32fast::hash(&tree()));
    assert_eq!(bench.post(&format!("{overlay}?crc={crc}"), tree()).await.status, StatusCode::CREATED);
    assert_eq!(bench.wait(&scan).await["complete"], true);
    let again = bench.post(&overlay, tree()).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let half = Bytes::from(tree()[..tree().len() / 2].to_vec());
    for uri in [format!("{scan}/overlay"), format!("{}/scans", bench.instance)] {
        let frames = vec![Ok(half.clone()), Err(std::io::Error::other("the client is gone"))];
        let answer = bench.post(&uri, Body::from_stream(stream::iter(frames))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        bench.check_clean().await;
    }
    let scans = bench.json(&format!("{}/scans", bench.instance)).await;
    assert_eq!(scans["total"], 1);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(tree()))]);
    let endless = futures_util::StreamExt::chain(first, stream::pending());
    let overlay = format!("{scan}/overlay");
    let request = bench.post(&overlay, Body::from_stream(endless));
    let receiving = async {
        while bench.json(&format!("{scan}/status")).await["message"] != "Receiving the tree" {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = request => panic!("{}", answer.text()),
        () = receiving => {}
    }
    while bench.json(&format!("{scan}/status")).await["message"] != "Waiting for the tree" {
        tokio::task::yield_now().await;
    }
    bench.trial.server.sweep().await;
    bench.check_clean().await;
}

#[tokio::test]
async fn damaged_and_hostile_trees_are_the_scan_s_error() {
    let bench = Bench::new().await;
    let whole = tree();
    let climbing = {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..11].copy_from_slice(b"../escape/x");
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
        builder.into_inner().unwrap()
    };
    for (name, body) in [
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("cut gzip", gzip(&whole)[..gzip(&whole).len() / 2].to_vec()),
        ("no tar in it", gzip(b"hello")),
        ("climbing", climbing),
    ] {
        let scan = bench.scan().await;
        let answer = bench.post(&format!("{scan}/overlay"), body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{name}: {}", answer.text());
        let status = bench.wait(&scan).await;
        assert_eq!(
            (&status["error"], &status["complete"]),
            (&true.into(), &false.into()),
            "{name}: {status}"
        );
        let message = status["errorMessage"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains("uploads/"), "{name}: {message}");
        assert!(status["detailedErrorMsg"].as_str().unwrap().contains(message), "{name}: {status}");
        assert_eq!(bench.trial.get(&format!("{scan}/installProfile")).await.status, StatusCode::CONFLICT);
        // A better one may follow.
        assert_eq!(bench.post(&format!("{scan}/overlay"), tree()).await.status, StatusCode::CREATED);
        assert_eq!(bench.wait(&scan).await["complete"], true, "{name}");
    }
    assert_eq!(bench.bytes_used().await, 4 * tree().len() as u64);
}

#[tokio::test]
async fn a_tree_beyond_the_server_s_limits_is_the_scan_s_error() {
    let trial = Trial::with(|settings| settings.limits.entries = 3).await;
    let bench = Bench::idle(trial).await;
    bench.trial.server.start().await.unwrap();
    let scan = bench.scan().await;
    bench.post(&format!("{scan}/overlay"), tree()).await;
    let status = bench.wait(&scan).await;
    assert!(status["errorMessage"].as_str().unwrap().contains("more than 3 entries"), "{status}");
}

#[tokio::test]
async fn quotas_are_kept_before_and_while_bytes_come() {
    let trial = Trial::with(|settings| {
        settings.quota.scans = 2;
        settings.quota.bytes = 100_000;
    });
    let bench = Bench::idle(trial.await).await;
    let big = [tree(), vec![0; 200_000]].concat();
    let scan = bench.scan().await;
    for body in [Body::from(big.clone()), chunked(&big)] {
        let answer = bench.post(&format!("{scan}/overlay"), body).await;
        assert_eq!((answer.status, message_id(&answer).as_str()), (StatusCode::FORBIDDEN, "quota.exceeded"));
        bench.check_clean().await;
    }
    bench.scan().await;
    let scans = format!("{}/scans", bench.instance);
    for body in [Vec::new(), tree(), b"{\"cpus\": 1}".to_vec()] {
        let answer = bench.post(&scans, body).await;
        assert_eq!((answer.status, message_id(&answer).as_str()), (StatusCode::FORBIDDEN, "quota.exceeded"));
    }
    bench.check_clean().await;
}

#[tokio::test]
async fn reports_of_ours_fill_the_profile_and_others_are_kept_and_told() {
    let bench = Bench::new().await;
    let scans = format!("{}/scans", bench.instance);
    let answer =
        bench.post(&scans, r#"{"format": "diskwright-machine/1", "memory_bytes": 2147483648}"#).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let ours = answer.header(header::LOCATION).to_owned();
    assert_eq!(bench.json(&format!("{ours}/installProfile")).await["memorySize"], 2048);
    assert_eq!(bench.post(&format!("{ours}/overlay"), tree()).await.status, StatusCode::CREATED);
    bench.wait(&ours).await;
    assert_eq!(bench.json(&format!("{ours}/installprofile")).await["memorySize"], 2048);

    let wrong = bench.post(&scans, r#"{"format": "diskwright-machine/1", "memory_bytes": "much"}"#).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);

    let foreign =
        bench.post(&format!("{scans}?reportFileName=scan.dat"), b"PK\x03\x04 whatever".to_vec()).await;
    assert_eq!(foreign.status, StatusCode::CREATED, "{}", foreign.text());
    let foreign = foreign.header(header::LOCATION).to_owned();
    let message = bench.json(&format!("{foreign}/status")).await["message"].as_str().unwrap().to_owned();
    assert!(message.contains("scan.dat is of an unknown kind"), "{message}");
    assert_eq!(bench.uploads().len(), 2);
    assert_eq!(bench.bytes_used().await, tree().len() as u64 + 13);
    let deleted = bench.trial.ask("guest", Method::DELETE, &scans, Body::empty()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    bench.check_clean().await;
}

#[tokio::test]
async fn a_report_that_is_too_long_or_wrong_is_refused_and_not_kept() {
    let bench = Bench::new().await;
    let scans = format!("{}/scans", bench.instance);
    let long = bench.post(&scans, vec![b'x'; (16 << 20) + 1]).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", long.text());
    for body in ["foreign", r#"{"cpus": 2}"#, "<scan/>", "<other/>"] {
        let answer = bench.post(&format!("{scans}?crc=1"), body).await;
        assert_eq!(message_id(&answer), "upload.checksum", "{body}: {}", answer.text());
    }
    bench.check_clean().await;
    assert_eq!(bench.json(&scans).await["total"], 0);
}

#[tokio::test]
async fn a_report_alone_of_a_machine_without_trees_says_what_is_missing() {
    let bench = Bench::new().await;
    let document = INSTANCE
        .replace("web", "bare")
        .replace("<distribution>", "<overlayIncluded>false</overlayIncluded><distribution>");
    let answer = bench.post("users/guest/scannedinstances", document).await;
    let instance = answer.header(header::LOCATION).to_owned();
    let answer = bench.post(&format!("{instance}/scans"), r#"{"cpus": 2}"#).await;
    let scan = answer.header(header::LOCATION).to_owned();
    let status = bench.json(&format!("{scan}/status")).await;
    assert_eq!(status["error"], true);
    assert!(status["errorMessage"].as_str().unwrap().contains("without its tree"), "{status}");
    bench.post(&format!("{scan}/overlay"), tree()).await;
    assert_eq!(bench.wait(&scan).await["complete"], true);
}

#[tokio::test]
async fn cancelling_stops_what_the_server_does_and_is_final_for_what_comes() {
    let bench = Bench::idle(Trial::new().await).await;
    let scan = bench.scan().await;
    bench.post(&format!("{scan}/overlay"), tree()).await;
    let status = format!("{scan}/status");
    assert_eq!(bench.json(&status).await["message"], "Waiting to be read");
    for _ in 0..2 {
        let answer = bench.trial.ask("guest", Method::DELETE, &status, Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(
            answer.text().contains("<cancelled>true</cancelled><complete>false</complete>"),
            "{}",
            answer.text()
        );
    }
    // The builder finds nothing to do, and nothing changes.
    bench.trial.server.start().await.unwrap();
    assert_eq!(bench.json(&status).await["cancelled"], true);
    assert_eq!(bench.post(&format!("{scan}/overlay"), tree()).await.status, StatusCode::CREATED);
    assert_eq!(bench.wait(&scan).await["complete"], true);
    let late = bench.trial.ask("guest", Method::DELETE, &status, Body::empty()).await;
    assert!(late.text().contains("<complete>true</complete>"), "{}", late.text());
}

#[tokio::test]
async fn scans_are_renamed_listed_and_removed_with_their_machine() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let answer =
        bench.trial.ask("guest", Method::PUT, &scan, "<scan><name>before the upgrade</name></scan>").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.text().contains("<name>before the upgrade</name>"));
    bench.scan().await;
    for (query, expected) in [
        ("", 2),
        ("?name=before*", 1),
        ("?query=name%3D%3D'Scan*'", 1),
        ("?index=1", 1),
        ("?max=1&orderby=name&asc=false", 1),
        ("?id=999", 0),
        ("?ongoing=true", 2),
    ] {
        let list = bench.json(&format!("users/guest/scans{query}")).await;
        assert_eq!(list["scans"]["scan"].as_array().unwrap().len(), expected, "{query}");
    }
    for query in ["?max=x", "?orderby=colour", "?id=a", "?query=version%3D%3D1", "?asc=perhaps"] {
        let answer = bench.trial.get(&format!("users/guest/scans{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let deleted =
        bench.trial.ask("guest", Method::DELETE, "users/guest/scannedinstances", Body::empty()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.json("users/guest/scans").await["total"], 0);
    assert_eq!(
        bench.json("users/guest/scannedinstances?includeScans=true").await["scannedInstances"]["scannedInstance"],
        Value::Array(Vec::new())
    );
}

#[tokio::test]
async fn a_distribution_without_a_name_in_the_api_is_told_where_clients_look() {
    let bench = Bench::new().await;
    for (name, version, stated, described) in [
        ("alpine", "3.19", "(in fact alpine 3.19)", "alpine 3.19"),
        ("NixOS", "unstable", "(in fact NixOS unstable)", "NixOS unstable"),
    ] {
        let body = format!(
            "<scannedInstance><name>{name}</name><distribution><name>{name}</name><version>{version}</version>\
             <arch>x86_64</arch></distribution></scannedInstance>"
        );
        let answer = bench.post("users/guest/scannedinstances", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let instance = bench.json(answer.header(header::LOCATION)).await;
        let distribution = &instance["distribution"];
        // A name that the official client takes.
        assert_eq!(distribution["name"], "CentOS");
        assert_eq!(distribution["version"], stated);
        assert_eq!(distribution["description"], described);
    }
    let (store, user) = (bench.trial.server.store(), bench.trial.user("guest").await);
    let new = NewInstance { name: "not read".to_owned(), ..NewInstance::default() };
    let InstanceAdded::New(id) = store.add_instance(user, &new).await.unwrap() else { panic!("known") };
    let unread = bench.json(&format!("users/guest/scannedinstances/{id}")).await["distribution"].clone();
    assert_eq!(unread["version"], "(not known yet)");
    let known = bench.json(&bench.instance).await["distribution"].clone();
    assert_eq!((&known["name"], &known["version"]), (&"Debian".into(), &"12".into()));
    assert_eq!(known["description"], Value::Null);
}

#[tokio::test]
async fn what_clients_read_unseen_is_always_there() {
    let bench = Bench::new().await;
    bench.scan().await;
    let list = bench.json("users/guest/scannedinstances?includeScans=true").await;
    let instance = &list["scannedInstances"]["scannedInstance"][0];
    for field in ["name", "version", "arch"] {
        assert!(instance["distribution"][field].is_string(), "{field}: {instance}");
    }
    assert_eq!(instance["uri"], bench.instance);
    assert_eq!(instance["totalScans"], 1);
    let scan = &instance["scans"]["scan"][0];
    assert!(scan["dbId"].is_i64() && scan["name"].is_string(), "{scan}");
    for field in ["complete", "error", "cancelled"] {
        assert!(scan["status"][field].is_boolean(), "{field}: {scan}");
    }
    assert!(scan["status"]["percentage"].is_i64() && scan["status"]["message"].is_string());
    // The same machine once more is the same machine.
    let again = bench.post("users/guest/scannedinstances", INSTANCE).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(again.text().contains(&format!("<uri>{}</uri>", bench.instance)), "{}", again.text());
    let mixed = INSTANCE.replace("<distribution>", "<overlayIncluded>false</overlayIncluded><distribution>");
    assert_eq!(bench.post("users/guest/scannedinstances", mixed).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_list_that_is_known_is_not_sent_again_until_something_changes() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    for uri in
        [bench.instance.clone() + "?includeScans=true", format!("{}/scans", bench.instance), scan.clone()]
    {
        let first = bench.trial.get(&uri).await;
        let ask = || {
            let tag = first.header(header::ETAG);
            let request = request("guest", Method::GET, &uri).header(header::IF_NONE_MATCH, tag);
            bench.trial.send(request.body(Body::empty()).unwrap())
        };
        assert_eq!(ask().await.status, StatusCode::NOT_MODIFIED, "{uri}");
        bench
            .trial
            .ask("guest", Method::PUT, &scan, format!("<scan><name>{}</name></scan>", uri.len()))
            .await;
        assert_eq!(ask().await.status, StatusCode::OK, "{uri}");
    }
}

#[tokio::test]
async fn what_is_not_done_is_said_by_name() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    for (method, below, what) in [
        (Method::GET, "files", "files"),
        (Method::GET, "files//delta", "files"),
        (Method::GET, "packages/1/files", "packages"),
        (Method::POST, "rawparts/c.img", "rawparts"),
        (Method::POST, "sync", "sync"),
        (Method::POST, "imports", "imports"),
        (Method::GET, "goldens//status", "goldens"),
    ] {
        let answer = bench.trial.ask("guest", method, &format!("{scan}/{below}"), Body::empty()).await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{below}");
        assert!(answer.text().contains(what), "{below}: {}", answer.text());
    }
    assert_eq!(
        bench.json(&format!("{scan}/imports/status/")).await["statuses"]["status"],
        Value::Array(Vec::new())
    );
}

#[tokio::test]
async fn hostile_identifiers_are_unknown() {
    let bench = Bench::new().await;
    bench.scan().await;
    for id in ["0", "-1", "+1", "1e0", "99999999999999999999", "..", "%2e%2e", "1%00", "%F0%9F%92%A9"] {
        for uri in [
            format!("users/guest/scannedinstances/{id}"),
            format!("{}/scans/{id}", bench.instance),
            format!("{}/scans/{id}/overlay", bench.instance),
        ] {
            let request =
                Request::get(format!("/api/{uri}")).header(header::AUTHORIZATION, "Basic guest:guest");
            let answer = bench.trial.send(request.body(Body::empty()).unwrap()).await;
            assert!(answer.status.is_client_error(), "{uri}: {}", answer.status);
            assert!(answer.text().contains("uforgeError"), "{uri}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_machine_that_goes_while_a_report_comes_is_not_there() {
    let bench = Bench::new().await;
    let (server, user) = (bench.trial.server.clone(), bench.trial.user("guest").await);
    let rest = stream::once(async move {
        assert!(server.store().delete_instances(user, None).await.unwrap());
        Ok(Bytes::from_static(b"the rest"))
    });
    let start = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'r'; 1000]))]);
    let body = Body::from_stream(futures_util::StreamExt::chain(start, rest));
    let answer = bench.post(&format!("{}/scans", bench.instance), body).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text());
    bench.check_clean().await;
}
