use std::future::{pending, ready};

use futures_util::TryStreamExt;
use object_store::memory::InMemory;

use super::*;

/// A folder with a finished image, in `staging`.
fn finished(artefacts: &Artefacts, image: i64) -> PathBuf {
    let folder = artefacts.folder(image, 1);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("disk.raw"), content()).unwrap();
    std::fs::write(folder.join("empty.txt"), "").unwrap();
    std::fs::write(folder.join("report.json"), "{}").unwrap();
    folder
}

/// More than two parts of an upload.
fn content() -> Vec<u8> {
    (0..2 * PART + 12_345).map(|at| (at / 3) as u8).collect()
}

async fn bytes(artefacts: &Artefacts, image: i64, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
    let pieces: Vec<Bytes> = artefacts.read(image, name, range).await?.try_collect().await?;
    Ok(pieces.concat())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The same for both kinds of store.
async fn keeps_an_image(artefacts: &Artefacts, staging: &Path) {
    assert_eq!(artefacts.report(7).await.unwrap(), None);
    let folder = finished(artefacts, 7);
    assert_eq!(artefacts.report(7).await.unwrap(), None, "not before it is published");
    artefacts.publish(7, &folder, pending()).await.unwrap();
    assert!(!folder.exists());
    assert_eq!(artefacts.report(7).await.unwrap().unwrap(), "{}");
    let (whole, length) = (content(), content().len() as u64);
    for range in [0..length, 0..1, 5..100_000, length - 1..length, 3..3] {
        let read = bytes(artefacts, 7, "disk.raw", range.clone()).await.unwrap();
        assert_eq!(read, whole[range.start as usize..range.end as usize], "{range:?}");
    }
    assert_eq!(bytes(artefacts, 7, "empty.txt", 0..0).await.unwrap(), b"");
    assert!(bytes(artefacts, 7, "disk.raw", 0..length + 1).await.is_err(), "less than was asked for");
    assert!(bytes(artefacts, 7, "other", 0..1).await.is_err());
    artefacts.delete(7).await.unwrap();
    assert_eq!(artefacts.report(7).await.unwrap(), None);
    assert!(bytes(artefacts, 7, "disk.raw", 0..1).await.is_err());
    // What is gone is gone.
    artefacts.delete(7).await.unwrap();
    assert_eq!(names(staging), Vec::<String>::new());
}

#[tokio::test]
async fn a_directory_keeps_images() {
    let room = tempfile::tempdir().unwrap();
    keeps_an_image(&Artefacts::local(room.path()).unwrap(), room.path()).await;
}

#[tokio::test]
async fn a_file_is_read_in_small_pieces() {
    let room = tempfile::tempdir().unwrap();
    let artefacts = Artefacts::local(room.path()).unwrap();
    let folder = finished(&artefacts, 7);
    artefacts.publish(7, &folder, pending()).await.unwrap();
    let mut pieces = artefacts.read(7, "disk.raw", 0..content().len() as u64).await.unwrap();
    while let Some(piece) = pieces.try_next().await.unwrap() {
        assert!(piece.len() <= PIECE, "{}", piece.len());
    }
}

#[tokio::test]
async fn an_object_store_keeps_images() {
    let room = tempfile::tempdir().unwrap();
    let objects = Arc::new(InMemory::new());
    keeps_an_image(&Artefacts::remote(objects.clone(), room.path()), room.path()).await;
    let left: Vec<_> = objects.list(None).try_collect().await.unwrap();
    assert_eq!(left, Vec::new());
}

#[tokio::test]
async fn an_upload_that_ends_early_is_no_image_and_is_done_again() {
    let room = tempfile::tempdir().unwrap();
    let objects = Arc::new(InMemory::new());
    let artefacts = Artefacts::remote(objects.clone(), room.path());
    // All but the report came through.
    objects.put(&location(7, "disk.raw"), "half".into()).await.unwrap();
    assert_eq!(artefacts.report(7).await.unwrap(), None);
    let folder = finished(&artefacts, 7);
    artefacts.publish(7, &folder, pending()).await.unwrap();
    assert!(artefacts.report(7).await.unwrap().is_some());
    assert_eq!(bytes(&artefacts, 7, "disk.raw", 0..content().len() as u64).await.unwrap(), content());
}

#[tokio::test]
async fn an_upload_that_is_stopped_is_no_image() {
    let room = tempfile::tempdir().unwrap();
    let artefacts = Artefacts::remote(Arc::new(InMemory::new()), room.path());
    let folder = finished(&artefacts, 7);
    let error = artefacts.publish(7, &folder, ready(())).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    assert_eq!(artefacts.report(7).await.unwrap(), None);
}

#[tokio::test]
async fn an_image_that_stands_there_is_not_replaced() {
    let room = tempfile::tempdir().unwrap();
    let artefacts = Artefacts::local(room.path()).unwrap();
    let first = finished(&artefacts, 7);
    std::fs::write(first.join("report.json"), "first").unwrap();
    artefacts.publish(7, &first, pending()).await.unwrap();
    let second = finished(&artefacts, 7);
    artefacts.publish(7, &second, pending()).await.unwrap();
    assert_eq!(artefacts.report(7).await.unwrap().unwrap(), "first");
    assert_eq!(names(room.path()), ["7"]);
}

#[tokio::test]
async fn private_folders_are_removed_and_images_are_not() {
    let room = tempfile::tempdir().unwrap();
    let artefacts = Artefacts::local(room.path()).unwrap();
    let folder = finished(&artefacts, 7);
    artefacts.publish(7, &folder, pending()).await.unwrap();
    finished(&artefacts, 8);
    artefacts.remove_private().await.unwrap();
    assert_eq!(names(room.path()), ["7"]);
    assert_eq!(artefacts.local_images().await.unwrap(), [7]);
}
