use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use futures_util::StreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use sha2::{Digest, Sha256};

use crate::hexadecimal::hexadecimal;
use crate::store::{ImageEnd, ImageState, Job, JobKind, MAX_ATTEMPTS, MadeImage, Stopping};
use crate::trial::{Trial, request};
use crate::{Server, Settings};

/// A server that nobody works for, with a scan that is read.
async fn idle() -> (Trial, String) {
    let mut trial = Trial::new().await;
    trial.server.start().await.unwrap();
    let scan = trial.scan("guest").await;
    reopen(&mut trial).await;
    (trial, scan)
}

/// Ends the server and opens the next one in its directory, which is not at work yet.
async fn reopen(trial: &mut Trial) {
    trial.server.close().await;
    let settings = Settings::new(trial.room.path().join("data"));
    trial.server = Server::open(diskwright::builtin_registry().unwrap(), settings).await.unwrap();
}

async fn claim(trial: &Trial, holder: &str) -> Option<Job> {
    trial.server.store().claim_job(JobKind::Image, holder).await.unwrap()
}

/// Makes every lease run out.
async fn expire(trial: &Trial) {
    let mut change = trial.server.store().begin().await.unwrap();
    sqlx::query("UPDATE jobs SET lease_until = 0 WHERE holder IS NOT NULL")
        .execute(&mut *change)
        .await
        .unwrap();
    change.commit().await.unwrap();
}

async fn jobs(trial: &Trial) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM jobs").fetch_one(trial.server.store().reader()).await.unwrap()
}

async fn state(trial: &Trial, id: i64) -> ImageState {
    let user = trial.user("guest").await;
    let all = trial.server.store().images(user, crate::store::ImageSelection::All).await.unwrap();
    all.iter().find(|image| image.id == id).unwrap().state
}

#[tokio::test]
async fn a_data_directory_has_one_server() {
    let trial = Trial::new().await;
    let open = || {
        let settings = Settings::new(trial.room.path().join("data"));
        Server::open(diskwright::builtin_registry().unwrap(), settings)
    };
    let refused = open().await.err().unwrap().to_string();
    assert!(refused.contains("another server runs in"), "{refused}");
    trial.server.close().await;
    open().await.unwrap().close().await;
}

#[tokio::test]
async fn of_the_users_who_wait_the_one_with_the_fewest_in_hand_is_next() {
    let trial = Trial::new().await;
    let mut scans = Vec::new();
    for login in ["guest", "other"] {
        let user = trial.user(login).await;
        let made = trial.server.store().furnish(user).await;
        scans.push((login, format!("users/{login}/scannedinstances/{}/scans/{}", made.instance, made.scan)));
    }
    for at in [0, 0, 0, 1, 1] {
        let (login, scan) = &scans[at];
        trial.generate(login, scan, "raw", true).await;
    }
    let guest = trial.user("guest").await;
    let mut owners = Vec::new();
    while let Some(job) = claim(&trial, "node/life").await {
        owners.push(if job.user == guest { "guest" } else { "other" });
    }
    assert_eq!(owners, ["guest", "other", "guest", "other", "guest"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_builders_get_one_job() {
    let trial = std::sync::Arc::new(Trial::new().await);
    let made = trial.server.store().furnish(trial.user("guest").await).await;
    let scan = format!("users/guest/scannedinstances/{}/scans/{}", made.instance, made.scan);
    for _ in 0..20 {
        trial.generate("guest", &scan, "raw", true).await;
    }
    let mut builders = tokio::task::JoinSet::new();
    for builder in 0..8 {
        let trial = std::sync::Arc::clone(&trial);
        builders.spawn(async move {
            let mut claimed = Vec::new();
            while let Some(job) = claim(&trial, &format!("node/{builder}")).await {
                claimed.push(job.subject);
            }
            claimed
        });
    }
    let mut all = builders.join_all().await.concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20);
    assert!(claim(&trial, "node/late").await.is_none());
}

#[tokio::test]
async fn a_lease_that_ran_out_makes_a_job_anybody_s_and_its_first_holder_ends_nothing() {
    let (trial, scan) = idle().await;
    trial.generate("guest", &scan, "raw", true).await;
    let first = claim(&trial, "one/life").await.unwrap();
    trial.server.store().begin_image(&first).await.unwrap().unwrap();
    assert!(claim(&trial, "two/life").await.is_none());
    expire(&trial).await;
    let second = claim(&trial, "two/life").await.unwrap();
    assert_eq!((second.subject, second.attempt), (first.subject, 2));
    let end = ImageEnd::Failed("late".to_owned(), None);
    trial.server.store().end_image(&first, &end).await.unwrap();
    assert_eq!(state(&trial, 1).await, ImageState::Running);
    assert_eq!(jobs(&trial).await, 1);
    trial.server.store().end_image(&second, &end).await.unwrap();
    assert_eq!(state(&trial, 1).await, ImageState::Failed);
    assert_eq!(jobs(&trial).await, 0);
}

#[tokio::test]
async fn what_an_earlier_life_had_in_hand_is_made_at_the_next_start() {
    let (mut trial, scan) = idle().await;
    let uri = trial.generate("guest", &scan, "raw", true).await;
    let holder = format!("{}/earlier", trial.server.folder().node());
    let job = claim(&trial, &holder).await.unwrap();
    trial.server.store().begin_image(&job).await.unwrap().unwrap();
    let half = trial.server.artefacts().folder(1, 1);
    std::fs::create_dir(&half).unwrap();
    std::fs::write(half.join("half"), "half").unwrap();
    let lost = trial.server.folder().images().join("99");
    std::fs::create_dir(&lost).unwrap();
    reopen(&mut trial).await;
    trial.server.start().await.unwrap();
    assert!(!half.exists() && !lost.exists());
    let image = trial.finished("guest", &uri).await;
    assert_eq!(image["status"]["complete"], true, "{image}");
    assert_eq!(jobs(&trial).await, 0);
}

#[tokio::test]
async fn an_image_that_was_published_before_the_crash_is_not_made_again() {
    let (mut trial, scan) = idle().await;
    let uri = trial.generate("guest", &scan, "virtualbox", true).await;
    trial.server.start().await.unwrap();
    let before = trial.finished("guest", &uri).await;
    let report = trial.server.folder().images().join("1/report.json");
    let written = std::fs::metadata(&report).unwrap().modified().unwrap();
    // As if the server had died between the rename and the row.
    let mut change = trial.server.store().begin().await.unwrap();
    for statement in [
        "UPDATE images SET state = 'running', sha256 = NULL, file_name = NULL, file_size = 0, percentage = 96",
        "INSERT INTO jobs (kind, subject_id, user_id, attempt, holder, lease_until, created)
         SELECT 'image', id, user_id, 9, 'dead/life', 0, 0 FROM images",
    ] {
        sqlx::query(statement).execute(&mut *change).await.unwrap();
    }
    change.commit().await.unwrap();
    reopen(&mut trial).await;
    trial.server.start().await.unwrap();
    let after = trial.finished("guest", &uri).await;
    for field in ["sha256sum", "fileName", "fileSize", "size", "installProfile"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(std::fs::metadata(&report).unwrap().modified().unwrap(), written);
}

#[tokio::test]
async fn a_stop_gives_jobs_back_and_the_next_start_makes_the_same_bytes() {
    let (mut trial, scan) = idle().await;
    let uri = trial.generate("guest", &scan, "raw", true).await;
    trial.server.start().await.unwrap();
    // Whether it began, was writing or had published: it stops, and goes on.
    reopen(&mut trial).await;
    let user = trial.user("guest").await;
    let state = state(&trial, 1).await;
    assert!(matches!(state, ImageState::Queued | ImageState::Complete), "{state:?}");
    if state == ImageState::Queued {
        let attempt: i64 = sqlx::query_scalar("SELECT attempt FROM jobs")
            .fetch_one(trial.server.store().reader())
            .await
            .unwrap();
        assert_eq!(attempt, 0);
    }
    trial.server.start().await.unwrap();
    let first = trial.finished("guest", &uri).await;
    assert_eq!(first["status"]["complete"], true, "{first}");
    // The same order once more, from the beginning.
    let mut change = trial.server.store().begin().await.unwrap();
    sqlx::query("UPDATE images SET state = 'queued', sha256 = NULL").execute(&mut *change).await.unwrap();
    sqlx::query("INSERT INTO jobs (kind, subject_id, user_id, created) VALUES ('image', 1, $1, 0)")
        .bind(user)
        .execute(&mut *change)
        .await
        .unwrap();
    change.commit().await.unwrap();
    trial.server.artefacts().delete(1).await.unwrap();
    trial.server.wake();
    let again = trial.finished("guest", &uri).await;
    assert_eq!(again["sha256sum"], first["sha256sum"]);
}

#[tokio::test]
async fn a_job_that_kills_its_builders_is_given_up() {
    let (trial, scan) = idle().await;
    let uri = trial.generate("guest", &scan, "raw", true).await;
    for attempt in 1..=MAX_ATTEMPTS {
        assert_eq!(claim(&trial, "dead/life").await.unwrap().attempt, attempt);
        expire(&trial).await;
    }
    trial.server.start().await.unwrap();
    let image = trial.finished("guest", &uri).await;
    assert_eq!(image["status"]["error"], true, "{image}");
    assert_eq!(
        image["status"]["errorMessage"],
        "given up after 3 attempts, in each of which the server died"
    );
}

#[tokio::test]
async fn what_another_process_cancelled_is_stopped() {
    let (trial, scan) = idle().await;
    let uri = trial.generate("guest", &scan, "raw", true).await;
    let job = claim(&trial, "dead/life").await.unwrap();
    trial.server.store().begin_image(&job).await.unwrap().unwrap();
    let stopped = trial.server.store().stop_image(job.user, 1).await.unwrap();
    assert_eq!(stopped, Stopping::UnderWay);
    expire(&trial).await;
    trial.server.start().await.unwrap();
    let image = trial.finished("guest", &uri).await;
    assert_eq!(image["status"]["cancelled"], true, "{image}");
    let answer = trial.ask("guest", Method::DELETE, &uri, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_percentage_never_falls_not_even_when_a_job_is_begun_again() {
    let (trial, scan) = idle().await;
    trial.generate("guest", &scan, "raw", true).await;
    let job = claim(&trial, "node/life").await.unwrap();
    trial.server.store().begin_image(&job).await.unwrap().unwrap();
    let percentage = async |of: u8| {
        let progress = crate::store::ImageProgress { percentage: of, ..Default::default() };
        trial.server.store().advance_image(&job, progress).await.unwrap();
        trial.json("guest", &format!("{scan}/images/1/status")).await["percentage"].as_i64().unwrap()
    };
    for (told, shown) in [(5, 5), (60, 60), (1, 60), (61, 61)] {
        assert_eq!(percentage(told).await, shown);
    }
}

#[tokio::test]
async fn what_a_builder_publishes_of_an_image_that_was_cancelled_elsewhere_is_garbage() {
    let (trial, scan) = idle().await;
    trial.generate("guest", &scan, "raw", true).await;
    let store = trial.server.store();
    let slow = claim(&trial, "slow/life").await.unwrap();
    store.begin_image(&slow).await.unwrap().unwrap();
    expire(&trial).await;
    let other = claim(&trial, "other/life").await.unwrap();
    assert!(!store.end_image(&slow, &ImageEnd::Cancelled).await.unwrap(), "another makes it");
    assert!(store.end_image(&other, &ImageEnd::Cancelled).await.unwrap());
    trial.server.sweep().await;
    // Only now the slow one is done with it.
    std::fs::create_dir(trial.server.folder().images().join("1")).unwrap();
    assert!(store.end_image(&slow, &ImageEnd::Complete(MadeImage::default())).await.unwrap());
    trial.server.sweep().await;
    assert!(!trial.server.folder().images().join("1").exists());
    assert_eq!(state(&trial, 1).await, ImageState::Cancelled);
}

#[tokio::test]
async fn a_failed_image_does_not_tell_where_things_lie() {
    let (trial, scan) = idle().await;
    // Of the first the tree has gone; in the place of the second stands a file.
    let [first, second] = [
        trial.generate("guest", &scan, "raw", true).await,
        trial.generate("guest", &scan, "raw", true).await,
    ];
    std::fs::rename(trial.room.path().join("machine"), trial.room.path().join("moved")).unwrap();
    std::fs::write(trial.server.folder().images().join("2"), "").unwrap();
    trial.server.start().await.unwrap();
    for uri in [first, second] {
        let image = trial.finished("guest", &uri).await;
        assert_eq!(image["status"]["error"], true, "{image}");
        assert!(!image["status"]["detailedErrorMsg"].as_str().unwrap().is_empty());
        let room = trial.room.path().canonicalize().unwrap();
        assert!(!image.to_string().contains(room.to_str().unwrap()), "{image}");
    }
}

#[tokio::test]
async fn images_are_kept_in_the_object_store_of_the_settings() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let count = async || objects.list(None).count().await;
    let trial = Trial::with(|settings| settings.images = Some(Arc::clone(&objects))).await;
    trial.server.start().await.unwrap();
    let scan = trial.scan("guest").await;
    let uri = trial.generate("guest", &scan, "virtualbox", true).await;
    let image = trial.finished("guest", &uri).await;
    assert_eq!(image["status"]["complete"], true, "{image}");
    assert_eq!(count().await, 2, "the package and the report");
    assert_eq!(std::fs::read_dir(trial.server.folder().images()).unwrap().count(), 0);
    let file = trial.get(&format!("{uri}/downloads")).await;
    let digest = hexadecimal(&Sha256::digest(&file.body));
    assert_eq!((file.status, &image["sha256sum"]), (StatusCode::OK, &digest.into()));
    let part = request("guest", Method::GET, &format!("{uri}/downloads")).header("Range", "bytes=100-199");
    let part = trial.send(part.body(Body::empty()).unwrap()).await;
    assert_eq!((part.status, part.body.as_slice()), (StatusCode::PARTIAL_CONTENT, &file.body[100..200]));
    let answer = trial.ask("guest", Method::DELETE, &uri, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(count().await, 0);
    trial.server.close().await;
}
