//! What cannot be opened says so, names the mend, and is left as it was.

use agentforge::{ErrorKind, Forge};

use crate::folder::Folder;

async fn refused(location: &str) -> agentforge::Error {
    match Forge::open(location).await {
        Ok(_) => panic!("`{location}` was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn an_unknown_scheme_is_named() {
    let error = refused("mongodb://localhost/forge").await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("mongodb") && error.message().contains("sqlite:PATH"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_untouched() {
    let folder = Folder::new();
    let file = folder.file("letter.txt");
    std::fs::write(&file, "Dear reader, this is no database at all, only a letter.").unwrap();
    let error = refused(&file).await;
    assert!(error.message().contains("letter.txt"), "{error}");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "Dear reader, this is no database at all, only a letter."
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left beside it");
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = Folder::new();
    let error = refused(&folder.file("nowhere/forge.db")).await;
    assert!(error.message().contains("nowhere"), "{error}");
    assert!(!folder.path().join("nowhere").exists());
}

#[tokio::test]
async fn a_path_through_a_file_cannot_be_opened() {
    let folder = Folder::new();
    std::fs::write(folder.file("file"), "x").unwrap();
    let error = refused(&folder.file("file/forge.db")).await;
    assert!(error.message().contains("file"), "{error}");
}

#[tokio::test]
async fn what_was_written_is_there_when_the_file_is_opened_again() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let first = Forge::open(&file).await.unwrap();
    let (tenant, owner) = (first.workspace().context().tenant(), first.workspace().context().scope().clone());
    first.close().await.unwrap();
    let second = Forge::open(&file).await.unwrap();
    assert_eq!(second.workspace().context().tenant(), tenant);
    assert_eq!(*second.workspace().context().scope(), owner);
    assert!(second.workspace().audit().verify().await.unwrap().is_intact());
    second.close().await.unwrap();
}

#[tokio::test]
async fn two_handles_on_one_new_file_agree_on_the_default_tenant() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let (a, b) = tokio::join!(Forge::open(&file), Forge::open(&file));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.workspace().context().tenant(), b.workspace().context().tenant());
    a.close().await.unwrap();
    b.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_forge_refuses_further_work() {
    let folder = Folder::new();
    let forge = Forge::open(folder.file("forge.db")).await.unwrap();
    let workspace = forge.workspace();
    forge.close().await.unwrap();
    forge.close().await.unwrap();
    assert!(workspace.knowledge("handbook").await.is_err());
}
