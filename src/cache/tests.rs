use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Cache, FOLDER, MANY, clean, is_cache_folder};
use crate::facts::Sym;

/// What is kept in these tests: the names in a text.
type Names = Vec<Sym>;

fn names(bytes: Vec<u8>) -> Names {
    String::from_utf8(bytes).expect("text").split_whitespace().map(Sym::new).collect()
}

/// A folder with files that were not changed a moment ago, and the place of the cache.
fn files(texts: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in texts {
        write(&folder.path().join(name), text);
    }
    let cache = folder.path().join(FOLDER);
    (folder, cache)
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
}

/// Reads files with a cache; gives whether each was found.
fn read(cache: &Path, influences: &str, paths: &[PathBuf]) -> Vec<bool> {
    read_as(cache, influences, "a build", paths)
}

fn read_as(cache: &Path, influences: &str, build: &str, paths: &[PathBuf]) -> Vec<bool> {
    let cache = Cache::of_build(cache, influences, build);
    let found = paths.iter().map(|path| {
        let mut made = false;
        let make = |bytes| {
            made = true;
            names(bytes)
        };
        let (value, _) = cache.read(path, make).expect("a file");
        assert_eq!(value, names(fs::read(path).expect("a file")), "{}", path.display());
        !made
    });
    let found = found.collect();
    cache.finish();
    found
}

fn packs(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut packs: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "pack")).collect();
    packs.sort();
    packs
}

#[test]
fn what_was_made_is_found_until_the_content_changes() {
    let (folder, cache) = files(&[("a", "one two one"), ("b", "two three"), ("c", "")]);
    let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
    assert_eq!(read(&cache, "", &paths), [false; 3]);
    assert_eq!(read(&cache, "", &paths), [true; 3]);
    // The same length, at once.
    write(&paths[1], "two seven");
    assert_eq!(read(&cache, "", &paths), [true, false, true]);
    assert_eq!(read(&cache, "", &paths), [true; 3]);
    // Content decides, not the name.
    fs::rename(&paths[1], &paths[0]).expect("renamed");
    write(&paths[1], "one two one");
    assert_eq!(read(&cache, "", &paths), [true; 3]);
}

#[test]
fn a_file_that_looks_the_same_is_not_read() {
    let (folder, cache) = files(&[("a", "one")]);
    let path = folder.path().join("a");
    let stat = super::Stat::of(&path).expect("a file");
    assert!(!stat.is_settled(), "it was written just now");
    let index = super::Index::open(&cache, 7);
    index.note("a", stat, 1 << 100 | 5);
    index.write(&cache, 7).expect("written");
    let index = super::Index::open(&cache, 7);
    assert_eq!(index.content("a", stat), Some(1 << 100 | 5));
    assert_eq!(index.content("b", stat), None);
    assert_eq!(super::Index::open(&cache, 8).content("a", stat), None);
    // Somebody sets the time back.
    let modified = fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
    write(&path, "two");
    fs::File::options().write(true).open(&path).and_then(|f| f.set_modified(modified)).expect("set");
    if cfg!(unix) {
        assert_eq!(index.content("a", super::Stat::of(&path).expect("a file")), None);
    }
    let old = SystemTime::now() - Duration::from_mins(1);
    fs::File::options().write(true).open(&path).and_then(|f| f.set_modified(old)).expect("set");
    // The time of the change of the time itself is recent.
    assert_eq!(super::Stat::of(&path).expect("a file").is_settled(), !cfg!(unix));
}

#[test]
fn other_builds_and_influences_are_foreign() {
    let (folder, cache) = files(&[("a", "one")]);
    let paths = [folder.path().join("a")];
    assert_eq!(read_as(&cache, "3.8", "one build", &paths), [false]);
    assert_eq!(read_as(&cache, "3.9", "one build", &paths), [false]);
    assert_eq!(read_as(&cache, "3.8", "another", &paths), [false]);
    assert_eq!(read_as(&cache, "3.8", "one build", &paths), [true]);
    // Not even under the right name.
    let all = packs(&cache);
    let [_, other, ..] = &all[..] else { panic!("{all:?}") };
    for path in &all {
        if path != other {
            fs::copy(other, path).expect("copied");
        }
    }
    let found = ["3.8", "3.9"].map(|version| read_as(&cache, version, "one build", &paths)[0]);
    assert!(found.iter().filter(|found| **found).count() <= 1, "{found:?}");
}

#[test]
fn whatever_is_damaged_is_made_again() {
    let (folder, cache) = files(&[("a", "one two"), ("b", "two three")]);
    let paths = ["a", "b"].map(|name| folder.path().join(name));
    read(&cache, "", &paths);
    let [pack] = &packs(&cache)[..] else { panic!("one pack") };
    let whole = fs::read(pack).expect("a pack");
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        fs::write(pack, &damaged).expect("written");
        // `read` compares what comes out.
        let found = read(&cache, "", &paths);
        assert!(found.contains(&false), "{at}");
        for path in packs(&cache) {
            fs::remove_file(path).expect("removed");
        }
    }
    for length in 0..whole.len() {
        fs::write(pack, &whole[..length]).expect("written");
        assert_eq!(read(&cache, "", &paths), [false; 2], "{length}");
        for path in packs(&cache) {
            fs::remove_file(path).expect("removed");
        }
    }
}

#[test]
fn packs_do_not_pile_up() {
    let (folder, cache) = files(&[]);
    let mut paths = Vec::new();
    for number in 0..4 * MANY {
        let path = folder.path().join(number.to_string());
        write(&path, &format!("name{number} and {}", "more ".repeat(100 + number)));
        paths.push(path);
        let found = read(&cache, "", &paths);
        assert_eq!(found.iter().filter(|found| !**found).count(), 1, "{number}");
        assert!(packs(&cache).len() <= MANY + 1, "{number}");
    }
    // All but one are gone: what they left is worth nothing, and goes with the next that is written.
    let path = folder.path().join("last");
    write(&path, "last");
    let before: u64 = packs(&cache).iter().map(|path| fs::metadata(path).expect("a pack").len()).sum();
    assert_eq!(read(&cache, "", &[paths[0].clone(), path.clone()]), [true, false]);
    let after: u64 = packs(&cache).iter().map(|path| fs::metadata(path).expect("a pack").len()).sum();
    assert!(after < before / 4, "{before} {after}");
    assert_eq!(read(&cache, "", &[paths[0].clone(), path]), [true, true]);
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let (folder, cache) = files(&[]);
    let paths: Vec<PathBuf> = (0..50).map(|number| folder.path().join(number.to_string())).collect();
    for (number, path) in paths.iter().enumerate() {
        write(path, &format!("name{number} shared"));
    }
    std::thread::scope(|scope| {
        for first in 0..8 {
            let (paths, cache) = (&paths, &cache);
            scope.spawn(move || {
                for round in 0..5 {
                    read(cache, "", &paths[(first * 5 + round) % 40..]);
                }
            });
        }
    });
    read(&cache, "", &paths);
    assert_eq!(read(&cache, "", &paths), vec![true; 50]);
    let left = fs::read_dir(&cache).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".tmp")));
}

#[test]
fn a_folder_of_somebody_else_stays_as_it_is() {
    let (folder, cache) = files(&[("a", "one")]);
    let paths = [folder.path().join("a")];
    fs::create_dir(&cache).expect("a folder");
    write(&cache.join("precious"), "text");
    assert_eq!(read(&cache, "", &paths), [false]);
    assert_eq!(read(&cache, "", &paths), [false]);
    assert_eq!(fs::read_dir(&cache).expect("a folder").count(), 1);
    assert!(!clean(&cache).expect("readable"));
    assert_eq!(fs::read_dir(&cache).expect("a folder").count(), 1);
}

#[test]
fn cleaning_takes_away_what_dally_has_written() {
    let (folder, cache) = files(&[("a", "one")]);
    let paths = [folder.path().join("a")];
    assert!(!clean(&cache).expect("absent"));
    read(&cache, "", &paths);
    assert!(is_cache_folder(&cache));
    assert_eq!(fs::read_to_string(cache.join(".gitignore")).expect("a file").lines().last(), Some("*"));
    assert!(clean(&cache).expect("removed"));
    assert!(!cache.exists());
    read(&cache, "", &paths);
    write(&cache.join("precious"), "text");
    assert!(clean(&cache).expect("removed"));
    assert_eq!(fs::read_dir(&cache).expect("a folder").count(), 1);
    assert!(paths[0].exists());
}
