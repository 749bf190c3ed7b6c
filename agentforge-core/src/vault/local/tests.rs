//! Keys from texts and files, and what they wrap.

use futures::executor::block_on;

use super::*;
use crate::testing::{SeededRandom, fixed_context};

/// A folder that is removed with the test that made it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("agentforge-keys-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join("forge.db.key")
    }

    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.0).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str) {
    let _ = std::fs::remove_file(path);
    let mut file = file::owner_only().write(true).create_new(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn ids(keys: &LocalKeys) -> Vec<String> {
    keys.ids().map(str::to_owned).collect()
}

fn refusal<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error,
    }
}

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "bmV3ZXN0IGtleSBvZiBleGFjdGx5IDMyIGJ5dGVzISE=";

#[test]
fn base64_and_hexadecimal_are_the_same_key_and_the_first_is_the_newest() {
    let (hex, base64) = (LocalKeys::parse(HEX).unwrap(), LocalKeys::parse(BASE64).unwrap());
    assert_eq!(ids(&hex), ids(&base64));
    let both = LocalKeys::parse(&format!("# newest\n{OTHER}, {HEX} # the old one\n")).unwrap();
    assert_eq!(both.ids().nth(1), hex.ids().next());
    assert_eq!(block_on(both.current(&fixed_context())).unwrap(), both.ids().next().unwrap());
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    for text in ["", "# nothing", "secretsecret", &HEX[..62], &HEX[..44], &BASE64[..43], &format!("{HEX} x")]
    {
        let error = refusal(LocalKeys::parse(text));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!error.message().contains("secretsecret") && !error.message().contains("0001"), "{error}");
    }
}

#[test]
fn a_missing_variable_is_named() {
    let error = refusal(LocalKeys::from_env("AGENTFORGE_TEST_NO_SUCH_KEY"));
    assert!(error.message().contains("`AGENTFORGE_TEST_NO_SUCH_KEY`"), "{error}");
}

#[test]
fn what_was_wrapped_opens_with_the_same_key_and_associated_data_only() {
    let (cx, random) = (fixed_context(), SeededRandom::new(3));
    let keys = LocalKeys::parse(&format!("{OTHER} {HEX}")).unwrap();
    let data = KeyMaterial::generate(&random);
    let wrapped = block_on(keys.wrap(&cx, &data, b"here")).unwrap();
    assert_eq!(block_on(keys.unwrap(&cx, &wrapped, b"here")).unwrap().expose(), data.expose());
    assert!(!wrapped.bytes.windows(32).any(|window| window == data.expose()));

    let elsewhere = refusal(block_on(keys.unwrap(&cx, &wrapped, b"there")));
    assert_eq!(elsewhere.kind(), ErrorKind::Corrupt);
    assert!(elsewhere.message().contains(&wrapped.master), "{elsewhere}");
    for at in 0..wrapped.bytes.len() {
        let mut damaged = wrapped.clone();
        damaged.bytes[at] ^= 1;
        assert_eq!(refusal(block_on(keys.unwrap(&cx, &damaged, b"here"))).kind(), ErrorKind::Corrupt);
        damaged.bytes.truncate(at);
        assert_eq!(refusal(block_on(keys.unwrap(&cx, &damaged, b"here"))).kind(), ErrorKind::Corrupt);
    }
    let renamed = WrappedKey { master: keys.ids().nth(1).unwrap().to_owned(), ..wrapped };
    assert_eq!(refusal(block_on(keys.unwrap(&cx, &renamed, b"here"))).kind(), ErrorKind::Corrupt);
}

#[test]
fn an_older_key_still_unwraps_and_a_key_that_is_gone_is_named() {
    let (cx, random) = (fixed_context(), SeededRandom::new(3));
    let old = LocalKeys::parse(HEX).unwrap();
    let wrapped = block_on(old.wrap(&cx, &KeyMaterial::generate(&random), b"")).unwrap();
    let rotated = LocalKeys::parse(&format!("{OTHER} {HEX}")).unwrap();
    assert!(block_on(rotated.unwrap(&cx, &wrapped, b"")).is_ok());
    let error = refusal(block_on(LocalKeys::parse(OTHER).unwrap().unwrap(&cx, &wrapped, b"")));
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.message().contains(&format!("`{}`", wrapped.master)), "{error}");
}

#[test]
fn a_key_file_is_made_once_for_its_owner_alone_and_read_again() {
    let folder = Folder::new("made");
    let first = LocalKeys::open_or_create(folder.file(), &SeededRandom::new(1)).unwrap();
    let second = LocalKeys::open_or_create(folder.file(), &SeededRandom::new(2)).unwrap();
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(folder.names(), ["forge.db.key"], "nothing is left beside it");
}

#[test]
fn of_several_makers_at_once_one_makes_the_file() {
    let folder = Folder::new("race");
    let barrier = std::sync::Barrier::new(4);
    let made: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4)
            .map(|seed| {
                let (path, barrier) = (folder.file(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    ids(&LocalKeys::open_or_create(path, &SeededRandom::new(seed)).unwrap())
                })
            })
            .collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert!(made.iter().all(|ids| *ids == made[0]), "{made:?}");
    assert_eq!(folder.names().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused_with_the_mend() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    LocalKeys::open_or_create(folder.file(), &SeededRandom::new(1)).unwrap();
    assert_eq!(std::fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(folder.file(), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = refusal(LocalKeys::open_or_create(folder.file(), &SeededRandom::new(1)));
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.message().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_missing_a_cut_and_a_foreign_file_are_told_apart_and_left_alone() {
    let folder = Folder::new("damage");
    assert_eq!(refusal(LocalKeys::from_file(folder.file())).kind(), ErrorKind::NotFound);
    for text in ["", &BASE64[..20], "\u{0}\u{1}not a key file at all"] {
        write(&folder.file(), text);
        let error = refusal(LocalKeys::open_or_create(folder.file(), &SeededRandom::new(1)));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.message().contains("forge.db.key") && error.message().contains("restore"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.file()).unwrap(), text);
    }
    let nowhere = refusal(LocalKeys::open_or_create(folder.0.join("no/where.key"), &SeededRandom::new(1)));
    assert_eq!(nowhere.kind(), ErrorKind::Transport);
}
