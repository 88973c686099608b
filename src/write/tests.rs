use std::fs;
use std::time::{Duration, SystemTime};

use super::*;
use crate::discover::OtherEntry;

/// A folder with an `in` directory, and room for an `out` one.
struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(root.join("in")).unwrap();
        for (path, text) in files {
            let path = root.join("in").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { _folder: folder, root }
    }

    fn source(&self, path: &str) -> PathBuf {
        self.root.join("in").join(path)
    }

    fn out(&self, path: &str) -> PathBuf {
        self.root.join("out").join(path)
    }

    fn writer(&self) -> TreeWriter {
        TreeWriter::create(&self.source(""), &self.out(""), Copies::Own).unwrap()
    }

    fn file(&self, path: &str) -> OtherEntry {
        OtherEntry::File { path: self.source(path), relative: path.into() }
    }

    fn refused(&self, out: &Path) -> String {
        TreeWriter::create(&self.source(""), out, Copies::Own).expect_err("should be refused").to_string()
    }

    /// Everything below the output, but the marker.
    fn listing(&self) -> Vec<String> {
        let out = self.out("");
        let entries = walkdir::WalkDir::new(&out).min_depth(1).sort_by_file_name();
        let paths = entries.into_iter().map(|entry| entry.unwrap().into_path());
        let below = paths.map(|path| path.strip_prefix(&out).unwrap().to_str().unwrap().to_owned());
        below.filter(|path| path != MARKER).collect()
    }
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const LONG_AGO: SystemTime = SystemTime::UNIX_EPOCH;

fn set_time(path: &Path, time: SystemTime) {
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

fn time(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn a_file_is_replaced_and_nothing_is_left_behind() {
    let place = Place::new(&[("a.py", "old")]);
    let path = place.source("a.py");
    replace_file(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names_in(&place.source("")), ["a.py"]);
}

#[test]
fn several_may_add_the_same_file_at_once() {
    let place = Place::new(&[]);
    for round in 0..20 {
        let path = place.source(&format!("{round}.py"));
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    add_file(&path, b"the same").unwrap();
                });
            }
        });
        assert_eq!(fs::read(&path).unwrap(), b"the same");
    }
    assert_eq!(names_in(&place.source("")).len(), 20);
}

#[test]
fn what_is_not_there_or_not_a_file_is_not_replaced() {
    let place = Place::new(&[("d/a.py", "")]);
    let missing = replace_file(&place.source("b.py"), b"").unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    assert!(missing.to_string().contains("b.py: No such file"), "{missing}");
    assert!(!place.source("b.py").exists());
    let directory = replace_file(&place.source("d"), b"").unwrap_err();
    assert!(directory.to_string().ends_with("d: not a regular file"), "{directory}");
}

#[test]
fn a_read_only_file_is_not_replaced() {
    let place = Place::new(&[("a.py", "old")]);
    let path = place.source("a.py");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let error = replace_file(&path, b"new").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().ends_with("a.py: the file is read-only"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

/// Nobody can make files in this directory.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_takes_no_files_is_a_clear_error() {
    let path = Path::new("/proc/self/comm");
    let before = fs::read(path).unwrap();
    let error = replace_file(path, b"x").unwrap_err().to_string();
    assert!(error.starts_with("cannot create a file in /proc/self: "), "{error}");
    assert!(!error.contains("os error"), "{error}");
    assert_eq!(fs::read(path).unwrap(), before);
}

#[test]
fn a_tree_is_written() {
    let place = Place::new(&[("pkg/a.py", "old"), ("pkg/b.py", "same"), ("data/c.txt", "data")]);
    let writer = place.writer();
    assert_eq!(writer.out(), place.root.join("out"));
    for path in ["pkg/a.py", "pkg/b.py", "data/c.txt"] {
        set_time(&place.source(path), LONG_AGO);
    }
    let before = SystemTime::now() - Duration::from_mins(1);
    let write = |path: &str, bytes: &[u8], content| {
        writer.write_new(Path::new(path), bytes, &place.source(path), content)
    };
    write("pkg/a.py", b"new", Content::Changed).unwrap();
    write("pkg/b.py", b"same", Content::Unchanged).unwrap();
    writer.copy_other(&place.file("data/c.txt")).unwrap();
    writer.write_added(Path::new("_dally.py"), b"runtime").unwrap();
    writer.create_dir(Path::new("x/y")).unwrap();
    writer.create_dir(Path::new("x/y")).unwrap();
    writer.finish().unwrap();

    assert_eq!(
        place.listing(),
        ["_dally.py", "data", "data/c.txt", "pkg", "pkg/a.py", "pkg/b.py", "x", "x/y"]
    );
    assert_eq!(fs::read(place.out("pkg/a.py")).unwrap(), b"new");
    assert_eq!(fs::read(place.out("pkg/b.py")).unwrap(), b"same");
    assert_eq!(fs::read(place.out("data/c.txt")).unwrap(), b"data");
    assert!(time(&place.out("pkg/a.py")) > before);
    assert_eq!(time(&place.out("pkg/b.py")), LONG_AGO);
    assert_eq!(time(&place.out("data/c.txt")), LONG_AGO);
    let marker = "dally build 1\nF _dally.py\nD data\nF data/c.txt\nD pkg\nF pkg/a.py\nF pkg/b.py\nD x\nD x/y\ncomplete\n";
    assert_eq!(fs::read_to_string(place.out(MARKER)).unwrap(), marker);
}

#[test]
fn files_of_any_size_are_copied_whole() {
    let place = Place::new(&[]);
    let writer = place.writer();
    for size in [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000] {
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        let name = format!("{size}.bin");
        fs::write(place.source(&name), &content).unwrap();
        writer.copy_other(&place.file(&name)).unwrap();
        assert!(fs::read(place.out(&name)).unwrap() == content, "{size}");
    }
}

#[test]
fn several_threads_write_one_tree() {
    let place = Place::new(&[("a.py", "x")]);
    let writer = place.writer();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (writer, place) = (&writer, &place);
            scope.spawn(move || {
                for file in 0..50 {
                    let path = format!("a/b{}/c/t{thread}.py", file % 5);
                    let path = path.replace(".py", &format!("_{file}.py"));
                    let like = place.source("a.py");
                    writer.write_new(Path::new(&path), b"x", &like, Content::Changed).unwrap();
                }
            });
        }
    });
    writer.finish().unwrap();
    assert_eq!(place.listing().len(), 400 + 1 + 5 + 5);
    let text = fs::read_to_string(place.out(MARKER)).unwrap();
    let marker = marker::parse(&text).unwrap();
    // Each directory is listed once, whoever made it.
    assert_eq!(marker.written.len(), 411);
    assert!(marker.complete);
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new(&[("a.py", "x")]);
    let writer = place.writer();
    writer.copy_other(&place.file("a.py")).unwrap();
    let error = writer.copy_other(&place.file("a.py")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("a.py: File exists"), "{error}");
    let error = writer.write_added(Path::new("a.py"), b"").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    let error = writer.create_dir(Path::new("a.py/x")).unwrap_err();
    assert!(error.to_string().contains("something else is there"), "{error}");
    assert!(writer.write_added(Path::new(MARKER), b"").is_err());
}

#[test]
fn paths_that_lead_out_are_refused() {
    let place = Place::new(&[("a.py", "x")]);
    let writer = place.writer();
    for path in ["../a.py", "/a.py", "x/../../a.py", "./a.py", ""] {
        let path = Path::new(path);
        let error = writer.write_added(path, b"").unwrap_err();
        assert!(error.to_string().ends_with("not a path below the output"), "{error}");
        let like = place.source("a.py");
        assert!(writer.write_new(path, b"", &like, Content::Changed).is_err());
        assert!(writer.create_dir(path).is_err() || path == Path::new(""));
    }
    assert!(place.listing().is_empty());
}

#[test]
fn source_and_output_must_not_overlap() {
    let place = Place::new(&[("a.py", "x"), ("sub/b.py", "x")]);
    let inside = place.refused(&place.source("out"));
    assert!(inside.ends_with("the output is inside the directory to copy"), "{inside}");
    assert!(!place.source("out").exists());
    let deep = place.refused(&place.source("sub/../new/out"));
    assert!(deep.ends_with("is inside the directory to copy"), "{deep}");
    let same = place.refused(&place.root.join("in/sub/.."));
    assert!(same.ends_with("is the directory to copy itself"), "{same}");
    let around = place.refused(&place.root);
    assert!(around.ends_with("contains the directory to copy"), "{around}");
    // A name that only starts alike is another directory.
    TreeWriter::create(&place.source(""), &place.root.join("in2"), Copies::Own).unwrap();
}

#[test]
fn the_output_must_be_empty_or_a_previous_build() {
    let place = Place::new(&[]);
    fs::create_dir(place.out("")).unwrap();
    place.writer().finish().unwrap();
    fs::remove_file(place.out(MARKER)).unwrap();
    fs::write(place.out("notes.txt"), "mine").unwrap();
    let error = place.refused(&place.out(""));
    assert!(error.ends_with("the output is neither empty nor a previous build"), "{error}");
    fs::write(place.out(MARKER), "something else").unwrap();
    let error = place.refused(&place.out(""));
    assert!(error.contains("a .dally-build that cannot be read"), "{error}");
    assert_eq!(place.listing(), ["notes.txt"]);
    let error = place.refused(&place.out("notes.txt"));
    assert!(error.contains("notes.txt"), "{error}");
}

#[test]
fn the_next_build_removes_what_the_last_one_wrote_and_nothing_else() {
    let place = Place::new(&[("pkg/a.py", "x"), ("pkg/sub/b.py", "x"), ("c.py", "x")]);
    let writer = place.writer();
    for path in ["pkg/a.py", "pkg/sub/b.py", "c.py"] {
        writer.copy_other(&place.file(path)).unwrap();
    }
    writer.finish().unwrap();
    // The output was run, the user has put a file there and removed another.
    fs::create_dir(place.out("pkg/__pycache__")).unwrap();
    fs::write(place.out("pkg/__pycache__/a.pyc"), "").unwrap();
    fs::create_dir(place.out("pkg/sub/__pycache__")).unwrap();
    fs::write(place.out("pkg/notes.txt"), "mine").unwrap();
    fs::remove_file(place.out("c.py")).unwrap();

    let writer = place.writer();
    writer.copy_other(&place.file("pkg/a.py")).unwrap();
    // This one is cut short, also in its list: the next build still knows what it has written, and what came before and after it.
    drop(writer);
    let list = fs::read_to_string(place.out(MARKER)).unwrap();
    assert!(list.contains("\nF c.py\n") && list.contains("\nF pkg/sub/b.py\n"), "{list}");
    fs::write(place.out(MARKER), format!("{list}F pkg/no")).unwrap();
    fs::write(place.out("pkg/later.txt"), "mine").unwrap();
    fs::create_dir(place.out("more")).unwrap();
    let writer = place.writer();
    assert_eq!(place.listing(), ["more", "pkg", "pkg/later.txt", "pkg/notes.txt"]);
    fs::remove_file(place.out("pkg/later.txt")).unwrap();
    fs::remove_dir(place.out("more")).unwrap();
    // What somebody puts into the way meanwhile is his own.
    fs::write(place.out("c.py"), "mine").unwrap();
    assert!(writer.copy_other(&place.file("c.py")).is_err());
    drop(writer);
    let writer = place.writer();
    assert_eq!(fs::read(place.out("c.py")).unwrap(), b"mine");
    fs::remove_file(place.out("c.py")).unwrap();
    writer.copy_other(&place.file("pkg/sub/b.py")).unwrap();
    writer.copy_other(&place.file("pkg/a.py")).unwrap();
    writer.finish().unwrap();
    let writer = place.writer();
    writer.copy_other(&place.file("pkg/a.py")).unwrap();
    writer.finish().unwrap();
    assert_eq!(place.listing(), ["pkg", "pkg/a.py", "pkg/notes.txt"]);
    place.writer().finish().unwrap();
    assert_eq!(place.listing(), ["pkg", "pkg/notes.txt"]);
    assert_eq!(fs::read(place.out("pkg/notes.txt")).unwrap(), b"mine");
}

#[test]
fn what_is_the_same_is_not_written_again() {
    let place = Place::new(&[("a.py", "x"), ("b.py", "x"), ("c.py", "x"), ("d.txt", "x")]);
    let build = |new: &[u8]| {
        let writer = place.writer();
        writer.write_new(Path::new("a.py"), new, &place.source("a.py"), Content::Changed).unwrap();
        writer.write_new(Path::new("b.py"), b"same", &place.source("b.py"), Content::Changed).unwrap();
        writer.copy_file(&place.source("c.py"), Path::new("c.py")).unwrap();
        writer.copy_other(&place.file("d.txt")).unwrap();
        writer.write_added(Path::new("_dally.py"), b"runtime").unwrap();
        writer.finish().unwrap();
    };
    build(b"one");
    for path in ["a.py", "b.py", "c.py", "d.txt", "_dally.py"] {
        set_time(&place.out(path), LONG_AGO);
    }
    fs::write(place.source("c.py"), "y").unwrap();
    build(b"two");
    for (path, text, kept) in [
        ("a.py", "two", false),
        ("b.py", "same", true),
        ("c.py", "y", false),
        ("d.txt", "x", true),
        ("_dally.py", "runtime", true),
    ] {
        assert_eq!(fs::read_to_string(place.out(path)).unwrap(), text, "{path}");
        assert_eq!(time(&place.out(path)) == LONG_AGO, kept, "{path}");
    }
    // What somebody has edited is written again.
    fs::write(place.out("b.py"), "edit").unwrap();
    fs::write(place.out("d.txt"), "z").unwrap();
    build(b"two");
    assert_eq!(fs::read(place.out("b.py")).unwrap(), b"same");
    assert_eq!(fs::read(place.out("d.txt")).unwrap(), b"x");
}

#[test]
fn files_become_directories_and_the_other_way_round() {
    let place = Place::new(&[("a/x.py", "x"), ("a/deep/y.py", "x"), ("b.py", "x")]);
    let writer = place.writer();
    writer.copy_file(&place.source("a/x.py"), Path::new("a/x.py")).unwrap();
    writer.copy_file(&place.source("a/deep/y.py"), Path::new("a/deep/y.py")).unwrap();
    writer.copy_file(&place.source("b.py"), Path::new("b")).unwrap();
    writer.finish().unwrap();
    let writer = place.writer();
    writer.copy_file(&place.source("b.py"), Path::new("a")).unwrap();
    writer.copy_file(&place.source("a/x.py"), Path::new("b/x.py")).unwrap();
    writer.finish().unwrap();
    assert_eq!(place.listing(), ["a", "b", "b/x.py"]);
    // But not over what somebody else has put there.
    place.writer().finish().unwrap();
    fs::create_dir(place.out("b")).unwrap();
    fs::write(place.out("b/mine"), "x").unwrap();
    let writer = place.writer();
    writer.copy_file(&place.source("b.py"), Path::new("b")).unwrap_err();
    assert_eq!(place.listing(), ["b", "b/mine"]);
}

#[cfg(unix)]
#[test]
fn links_are_never_written_through() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new(&[("a.py", "x"), ("b.py", "x")]);
    let build = |copies: Copies, rewritten: bool| {
        let writer = TreeWriter::create(&place.source(""), &place.out(""), copies).unwrap();
        if rewritten {
            writer.write_new(Path::new("a.py"), b"y", &place.source("a.py"), Content::Changed).unwrap();
        } else {
            writer.copy_file(&place.source("a.py"), Path::new("a.py")).unwrap();
        }
        writer.copy_file(&place.source("b.py"), Path::new("b.py")).unwrap();
        writer.finish().unwrap();
        let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
        ["a.py", "b.py"].map(|path| inode(place.source(path)) == inode(place.out(path)))
    };
    assert_eq!(build(Copies::Linked, false), [true, true]);
    assert_eq!(build(Copies::Linked, true), [false, true]);
    assert_eq!(fs::read(place.source("a.py")).unwrap(), b"x");
    assert_eq!(fs::read(place.out("a.py")).unwrap(), b"y");
    assert_eq!(build(Copies::Linked, false), [true, true]);
    assert_eq!(build(Copies::Own, false), [false, false]);
    assert_eq!(fs::read(place.out("a.py")).unwrap(), b"x");
}

#[test]
fn a_forged_list_removes_nothing_elsewhere() {
    let place = Place::new(&[("a.py", "x")]);
    fs::create_dir(place.out("")).unwrap();
    for path in ["../in/a.py", "/etc/hosts", "x/../../in/a.py"] {
        fs::write(place.out(MARKER), format!("dally build 1\nF {path}\ncomplete\n")).unwrap();
        assert!(place.refused(&place.out("")).contains("cannot be read"));
    }
    assert!(place.source("a.py").exists());
}

#[test]
fn marker_round_trip() {
    let entry = |path: PathBuf, kind| marker::Written { path, kind };
    let mut written = vec![
        entry("a b/c.py".into(), marker::WrittenKind::File),
        entry("new\nline\\x41\t.py".into(), marker::WrittenKind::File),
        entry("d".into(), marker::WrittenKind::Directory),
        entry("é".into(), marker::WrittenKind::Symlink),
    ];
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let name = std::ffi::OsString::from_vec(b"caf\xe9.py".to_vec());
        written.push(entry(name.into(), marker::WrittenKind::File));
    }
    let text = marker::complete(&written);
    assert_eq!(text.lines().count(), written.len() + 2);
    let read = marker::parse(&text).unwrap();
    assert_eq!(read.written, written);
    assert!(read.complete);

    let begun = marker::begun(&written) + &marker::kept(Path::new("d")) + "F cut shor";
    let read = marker::parse(&begun).unwrap();
    assert!(!read.complete);
    written.retain(|entry| entry.path != Path::new("d"));
    assert_eq!(read.written, written);

    for bad in
        ["", "dally build 2\n", "dally build 1\nX a\n", "dally build 1\nF\n", "dally build 1\nF a\\xzz\n"]
    {
        assert_eq!(marker::parse(bad), None, "{bad:?}");
    }
    assert_eq!(marker::parse("dally build 1\ncomplete\nF a\n"), None);
    // Later versions may add fields.
    let more = marker::parse("dally build 1\nF a.py\tfield\ncomplete\n").unwrap();
    assert_eq!(more.written[0].path, Path::new("a.py"));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_replaced_file_keeps_mode_and_owner() {
        let place = Place::new(&[("a.py", "old")]);
        let path = place.source("a.py");
        for wanted in [0o755, 0o600, 0o666] {
            set_mode(&path, wanted);
            replace_file(&path, b"new").unwrap();
            assert_eq!(mode(&path), wanted);
        }
        // Only a privileged user can try another owner.
        if std::os::unix::fs::chown(&path, Some(12345), Some(23456)).is_ok() {
            replace_file(&path, b"newer").unwrap();
            let owner = fs::metadata(&path).unwrap();
            assert_eq!((owner.uid(), owner.gid()), (12345, 23456));
        }
    }

    #[test]
    fn a_link_is_not_replaced_and_hard_links_keep_the_old_bytes() {
        let place = Place::new(&[("a.py", "old")]);
        symlink("a.py", place.source("link.py")).unwrap();
        let error = replace_file(&place.source("link.py"), b"new").unwrap_err();
        assert!(error.to_string().ends_with("link.py: a symbolic link is not replaced"), "{error}");
        assert_eq!(fs::read(place.source("a.py")).unwrap(), b"old");
        fs::hard_link(place.source("a.py"), place.source("hard.py")).unwrap();
        replace_file(&place.source("a.py"), b"new").unwrap();
        assert_eq!(fs::read(place.source("hard.py")).unwrap(), b"old");
    }

    #[test]
    fn modes_are_kept() {
        let place = Place::new(&[("run.py", "x"), ("d/data", "x"), ("d/closed", "x")]);
        set_mode(&place.source("run.py"), 0o777);
        set_mode(&place.source("d/data"), 0o640);
        set_mode(&place.source("d/closed"), 0o444);
        set_mode(&place.source("d"), 0o555);
        let writer = place.writer();
        let like = place.source("run.py");
        writer.write_new(Path::new("run.py"), b"y", &like, Content::Changed).unwrap();
        writer.copy_other(&OtherEntry::Directory { path: place.source("d"), relative: "d".into() }).unwrap();
        writer.copy_other(&place.file("d/data")).unwrap();
        writer.copy_other(&place.file("d/closed")).unwrap();
        writer.finish().unwrap();
        assert_eq!(mode(&place.out("run.py")), 0o777);
        assert_eq!(mode(&place.out("d/data")), 0o640);
        assert_eq!(mode(&place.out("d/closed")), 0o444);
        // The owner can still write there: the next build must be able to remove it.
        assert_eq!(mode(&place.out("d")), 0o755);
        place.writer().finish().unwrap();
        assert!(place.listing().is_empty());
        set_mode(&place.source("d"), 0o755);
    }

    #[test]
    fn links_are_recreated_as_they_are() {
        let place = Place::new(&[("a.py", "x")]);
        let writer = place.writer();
        for (name, target) in [("to_file", "a.py"), ("broken", "no/such"), ("absolute", "/etc"), ("up", "..")]
        {
            symlink(target, place.source(name)).unwrap();
            writer
                .copy_other(&OtherEntry::Symlink { path: place.source(name), relative: name.into() })
                .unwrap();
            assert_eq!(fs::read_link(place.out(name)).unwrap(), Path::new(target));
        }
        // Nothing is written through them.
        for path in ["up/escaped.py", "absolute/escaped.py", "up/new/escaped.py"] {
            let error = writer.write_added(Path::new(path), b"").unwrap_err();
            assert!(error.to_string().contains("something else is there"), "{error}");
        }
        let error = writer.write_added(Path::new("broken"), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names_in(&place.root), ["in", "out"]);
        // And they are removed as links.
        writer.finish().unwrap();
        place.writer().finish().unwrap();
        assert!(place.listing().is_empty());
        assert!(place.source("a.py").exists());
    }

    #[test]
    fn a_directory_that_became_a_link_is_left_alone() {
        let place = Place::new(&[("d/a.py", "x")]);
        let writer = place.writer();
        writer.copy_other(&place.file("d/a.py")).unwrap();
        writer.finish().unwrap();
        fs::remove_dir_all(place.out("d")).unwrap();
        symlink(place.source("d"), place.out("d")).unwrap();
        let writer = place.writer();
        assert!(place.source("d/a.py").exists());
        let error = writer.copy_other(&place.file("d/a.py")).unwrap_err();
        assert!(error.to_string().contains("something else is there"), "{error}");
    }

    #[test]
    fn an_output_behind_a_link_is_compared_where_it_really_is() {
        let place = Place::new(&[("a.py", "x")]);
        symlink(place.source(""), place.root.join("alias")).unwrap();
        let error = place.refused(&place.root.join("alias/out"));
        assert!(error.ends_with("is inside the directory to copy"), "{error}");
        symlink("nowhere", place.root.join("dangling")).unwrap();
        assert!(TreeWriter::create(&place.source(""), &place.root.join("dangling"), Copies::Own).is_err());
        assert!(!place.root.join("nowhere").exists());
    }

    #[test]
    fn a_pipe_is_not_read() {
        let place = Place::new(&[]);
        let _socket = std::os::unix::net::UnixListener::bind(place.source("s")).unwrap();
        let writer = place.writer();
        let error = writer.copy_other(&place.file("s")).unwrap_err();
        assert!(error.to_string().contains("/s"), "{error}");
    }
}
