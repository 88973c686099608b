mod names;

use std::fs;

use super::*;

/// A folder with empty files in it; a path that ends in a slash is a directory.
struct Tree {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Tree {
    fn new(paths: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let tree = Self { folder, root };
        for path in paths {
            tree.write(path, "");
        }
        tree
    }

    fn write(&self, path: &str, text: &str) {
        let full = self.root.join(path);
        if path.ends_with('/') {
            fs::create_dir_all(full).unwrap();
        } else {
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(full, text).unwrap();
        }
    }

    fn options(&self, paths: &[&str]) -> DiscoverOptions {
        DiscoverOptions {
            paths: paths.iter().map(|path| self.root.join(path)).collect(),
            project_root: self.folder.path().to_path_buf(),
            src: Vec::new(),
            include: PathPatterns::default(),
            exclude: PathPatterns::default(),
            force_exclude: false,
            respect_gitignore: true,
            collect_others: false,
            whole_tree: None,
        }
    }

    /// The options of `build`.
    fn build(&self, source: &str) -> DiscoverOptions {
        DiscoverOptions { respect_gitignore: false, collect_others: true, ..self.options(&[source]) }
    }

    fn check(&self, paths: &[&str]) -> Discovery {
        discover(&self.options(paths)).unwrap()
    }

    /// A path below the tree, for comparison.
    fn below<'a>(&self, path: &'a Path) -> &'a str {
        path.strip_prefix(&self.root).unwrap_or(path).to_str().unwrap()
    }

    /// `path module root siblings`, for each file.
    fn names(&self, found: &Discovery) -> Vec<String> {
        let root = |index: usize| match self.below(&found.import_roots[index]) {
            "" => ".",
            path => path,
        };
        let line = |file: &SourceFile| {
            let siblings = file.siblings_root.map_or_else(String::new, |index| format!(" +{}", root(index)));
            format!("{} = {} in {}{siblings}", self.below(&file.path), file.module, root(file.root))
        };
        found.files.iter().map(line).collect()
    }

    fn paths<'a>(&self, found: &'a Discovery) -> Vec<&'a str> {
        found.files.iter().map(|file| self.below(&file.path)).collect()
    }

    fn selected<'a>(&self, found: &'a Discovery) -> Vec<&'a str> {
        let files = found.files.iter().filter(|file| file.selected);
        files.map(|file| self.below(&file.path)).collect()
    }

    fn roots<'a>(&self, found: &'a Discovery) -> Vec<&'a str> {
        found.import_roots.iter().map(|root| self.below(root)).collect()
    }
}

fn others(found: &Discovery) -> Vec<String> {
    let line = |entry: &OtherEntry| {
        let letter = match entry {
            OtherEntry::Directory { .. } => 'D',
            OtherEntry::File { .. } => 'F',
            OtherEntry::Symlink { .. } => 'L',
        };
        format!("{letter} {}", entry.relative().display())
    };
    found.others.iter().map(line).collect()
}

#[test]
fn only_python_sources_and_nothing_hidden_or_generated() {
    let tree = Tree::new(&[
        "a.py",
        "b/c.py",
        "a.pyi",
        "a.pyx",
        "a.txt",
        "script",
        ".hidden.py",
        ".tox/x.py",
        "b/__pycache__/c.py",
        "node_modules/x.py",
        "venv/pyvenv.cfg",
        "venv/lib/x.py",
        "env/conda-meta/",
        "env/lib/x.py",
        "py/",
    ]);
    fs::create_dir(tree.root.join("directory.py")).unwrap();
    let found = tree.check(&["."]);
    assert_eq!(tree.paths(&found), ["a.py", "b/c.py"]);
    assert!(found.others.is_empty() && found.problems.is_empty());
}

#[test]
fn what_is_named_itself_is_taken_wherever_it_is() {
    let tree = Tree::new(&[
        ".venv/pyvenv.cfg",
        ".venv/lib/x.py",
        ".venv/lib/.y.py",
        ".tool/run",
        ".tool/.z.py",
        "a.cgi",
    ]);
    let found = tree.check(&[".venv", ".tool/run", ".tool/.z.py", "a.cgi"]);
    assert_eq!(tree.paths(&found), [".tool/.z.py", ".tool/run", ".venv/lib/x.py", "a.cgi"]);
    assert!(found.files.iter().all(|file| file.selected));
}

#[test]
fn named_files_that_are_no_sources_are_problems() {
    let tree = Tree::new(&["a.pyi", "b.pyx", "c.py"]);
    let found = tree.check(&["a.pyi", "b.pyx", "c.py", "missing.py"]);
    assert_eq!(tree.paths(&found), ["c.py"]);
    let problems: Vec<_> = found
        .problems
        .iter()
        .map(|problem| (tree.below(&problem.path), problem.kind, problem.message.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            ("a.pyi", ProblemKind::NotASource, "a type stub, which Python does not run"),
            ("b.pyx", ProblemKind::NotASource, "a Cython file, which Python does not run"),
            ("missing.py", ProblemKind::Missing, "No such file or directory"),
        ]
    );
}

#[test]
fn a_problem_is_told_once() {
    let tree = Tree::new(&[]);
    assert_eq!(tree.check(&["missing.py", "a.py", "missing.py"]).problems.len(), 2);
}

#[test]
fn sorted_by_path_and_unique() {
    let tree = Tree::new(&["b.py", "a/z.py", "a/b/c.py", "a.py", "a-b.py"]);
    let found = tree.check(&["a", "b.py", ".", "a/z.py", "a/../b.py"]);
    let paths = tree.paths(&found);
    assert_eq!(paths.len(), 5);
    assert!(found.files.is_sorted_by(|a, b| a.path < b.path));
    assert_eq!(found.files.iter().filter(|file| file.absolute.ends_with("b.py")).count(), 1);
}

#[test]
fn the_result_does_not_depend_on_threads() {
    let mut paths = Vec::new();
    for directory in 0..40 {
        for file in 0..10 {
            paths.push(format!("d{directory}/f{file}.py"));
        }
        paths.push(format!("d{directory}/data.txt"));
    }
    let tree = Tree::new(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let options = tree.build(".");
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| discover(&options)).unwrap()
    };
    let (one, four) = (with(1), with(4));
    assert_eq!(one.files, four.files);
    assert_eq!(one.others, four.others);
    assert_eq!(one.import_roots, four.import_roots);
    assert_eq!(one.files.len(), 400);
}

#[test]
fn gitignore_hides_files_also_outside_a_repository() {
    let tree = Tree::new(&["a.py", "build/b.py", "sub/c.py", "sub/gen_d.py", "gone/e.py"]);
    tree.write(".gitignore", "/build/\ngone\n");
    tree.write("sub/.gitignore", "gen_*.py\n");
    let found = tree.check(&["."]);
    assert_eq!(tree.selected(&found), ["a.py", "sub/c.py"]);
    // The one beside a tracked file exists for the program: it is analysed.
    assert_eq!(tree.paths(&found), ["a.py", "sub/c.py", "sub/gen_d.py"]);
    let all = DiscoverOptions { respect_gitignore: false, ..tree.options(&["."]) };
    assert_eq!(tree.selected(&discover(&all).unwrap()).len(), 5);
}

#[test]
fn a_named_folder_is_taken_although_one_above_it_ignores_all() {
    // As environments do.
    let tree = Tree::new(&["env/site/a.py", "env/site/sub/b.py", "c.py"]);
    tree.write("env/.gitignore", "*\n");
    let found = tree.check(&["env/site"]);
    assert_eq!(tree.selected(&found), ["env/site/a.py", "env/site/sub/b.py"]);
    tree.write("env/site/.gitignore", "sub/\n");
    let found = tree.check(&["env/site"]);
    assert_eq!(tree.selected(&found), ["env/site/a.py"]);
    let found = tree.check(&["."]);
    assert_eq!(tree.selected(&found), ["c.py"]);
}

#[test]
fn named_files_are_taken_although_ignored_or_excluded() {
    let tree = Tree::new(&["a.py", "b.py", "c.py"]);
    tree.write(".gitignore", "a.py\n");
    let options =
        DiscoverOptions { exclude: PathPatterns::new(&["b.py"]).unwrap(), ..tree.options(&["a.py", "b.py"]) };
    let found = discover(&options).unwrap();
    assert_eq!(tree.selected(&found), ["a.py", "b.py"]);
    let found = discover(&DiscoverOptions { force_exclude: true, ..options }).unwrap();
    assert_eq!(tree.selected(&found), ["a.py"]);
    assert!(found.files.iter().any(|file| file.path.ends_with("b.py")), "it is analysed all the same");
}

#[test]
fn include_and_exclude_select_but_everything_is_listed() {
    let tree = Tree::new(&["src/a.py", "src/gen/b.py", "tests/c.py"]);
    let options = DiscoverOptions {
        include: PathPatterns::new(&["src/**"]).unwrap(),
        exclude: PathPatterns::new(&["gen"]).unwrap(),
        ..tree.options(&["src", "tests"])
    };
    let found = discover(&options).unwrap();
    assert_eq!(tree.selected(&found), ["src/a.py"]);
    assert_eq!(found.files.len(), 3);
}

#[test]
fn the_whole_tree_is_listed_and_only_named_files_are_selected() {
    let tree = Tree::new(&["pkg/__init__.py", "pkg/a.py", "pkg/b.py", "tests/t.py"]);
    let options = DiscoverOptions { whole_tree: Some(tree.root.clone()), ..tree.options(&["pkg/a.py"]) };
    let found = discover(&options).unwrap();
    assert_eq!(tree.paths(&found), ["pkg/__init__.py", "pkg/a.py", "pkg/b.py", "tests/t.py"]);
    assert_eq!(tree.selected(&found), ["pkg/a.py"]);
}

#[test]
fn build_lists_everything_once() {
    let tree = Tree::new(&[
        "app/pkg/__init__.py",
        "app/pkg/a.py",
        "app/pkg/a.pyi",
        "app/pkg/data.json",
        "app/pkg/__pycache__/a.cpython-311.pyc",
        "app/pkg/_fast.cpython-311-x86_64-linux-gnu.so",
        "app/.hidden/x.py",
        "app/.env",
        "app/empty/",
        "app/node_modules/y.py",
        "app/venv/pyvenv.cfg",
        "app/venv/lib/z.py",
        "app/script",
    ]);
    tree.write("app/.gitignore", "*\n");
    let found = discover(&tree.build("app")).unwrap();
    assert_eq!(tree.paths(&found), ["app/pkg/__init__.py", "app/pkg/a.py"]);
    assert_eq!(found.files[1].relative, Path::new("pkg/a.py"));
    assert_eq!(found.files[1].module, "pkg.a");
    assert_eq!(
        others(&found),
        [
            "F .env",
            "F .gitignore",
            "D .hidden",
            "F .hidden/x.py",
            "D empty",
            "D node_modules",
            "F node_modules/y.py",
            "D pkg",
            "F pkg/_fast.cpython-311-x86_64-linux-gnu.so",
            "F pkg/a.pyi",
            "F pkg/data.json",
            "F script",
            "D venv",
            "D venv/lib",
            "F venv/lib/z.py",
            "F venv/pyvenv.cfg",
        ]
    );
    let compiled: Vec<_> = found.compiled.iter().map(|module| module.module.as_str()).collect();
    assert_eq!(compiled, ["pkg._fast"]);
}

#[test]
fn build_takes_import_roots_from_the_source() {
    let tree = Tree::new(&["p/pyproject.toml", "p/src/pkg/__init__.py", "p/tests/t.py"]);
    let found = discover(&tree.build("p")).unwrap();
    assert_eq!(
        tree.names(&found),
        ["p/src/pkg/__init__.py = pkg in p/src", "p/tests/t.py = tests.t in p +p/tests"]
    );
    // The source is a package itself, here one in another.
    let tree = Tree::new(&["lib/outer/__init__.py", "lib/outer/inner/__init__.py", "lib/outer/inner/a.py"]);
    let found = discover(&tree.build("lib/outer/inner")).unwrap();
    assert_eq!(
        tree.names(&found),
        ["lib/outer/inner/__init__.py = outer.inner in lib", "lib/outer/inner/a.py = outer.inner.a in lib",]
    );
    // Installed packages, in an environment.
    let tree = Tree::new(&[".venv/pyvenv.cfg", ".venv/site/ns/mod.py", ".venv/site/pkg/__init__.py"]);
    let found = discover(&tree.build(".venv/site")).unwrap();
    assert_eq!(
        tree.names(&found),
        [
            ".venv/site/ns/mod.py = ns.mod in .venv/site +.venv/site/ns",
            ".venv/site/pkg/__init__.py = pkg in .venv/site",
        ]
    );
}

#[test]
fn build_needs_one_directory() {
    let tree = Tree::new(&["a.py"]);
    for options in [tree.build("a.py"), tree.build("missing")] {
        assert!(discover(&options).is_err());
    }
    let two = DiscoverOptions { collect_others: true, ..tree.options(&[".", "."]) };
    assert!(matches!(discover(&two), Err(DiscoverError::NotADirectory { .. })));
    let error = discover(&tree.build("a.py")).unwrap_err().to_string();
    assert!(error.ends_with("a.py: not a directory"), "{error}");
}

#[test]
fn ignored_modules_beside_sources_are_analysed() {
    let tree = Tree::new(&[
        "pkg/__init__.py",
        "pkg/_version.py",
        "pkg/_c.cpython-312-darwin.so",
        "pkg/_d.abi3.so",
        "pkg/old.pyc",
    ]);
    tree.write(".gitignore", "_version.py\n*.so\n*.pyc\n");
    let found = tree.check(&["."]);
    assert_eq!(tree.selected(&found), ["pkg/__init__.py"]);
    assert_eq!(tree.paths(&found), ["pkg/__init__.py", "pkg/_version.py"]);
    let compiled: Vec<_> = found.compiled.iter().map(|module| module.module.as_str()).collect();
    assert_eq!(compiled, ["pkg._c", "pkg._d", "pkg.old"]);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_links() {
        let tree = Tree::new(&["src/a.py", "outside/b.py"]);
        let link = |target: &str, place: &str| symlink(target, tree.root.join(place)).unwrap();
        link("a.py", "src/link.py");
        link("../outside", "src/dir");
        link("..", "src/loop");
        link("nowhere", "src/broken.py");
        let found = tree.check(&["src"]);
        assert_eq!(tree.paths(&found), ["src/a.py"]);
        assert!(found.problems.is_empty());
        let found = discover(&tree.build("src")).unwrap();
        assert_eq!(tree.paths(&found), ["src/a.py"]);
        assert_eq!(others(&found), ["L broken.py", "L dir", "L link.py", "L loop"]);
    }

    #[test]
    fn a_named_link_is_its_target() {
        let tree = Tree::new(&["real/pkg/__init__.py", "real/pkg/a.py", "x/"]);
        symlink("../real/pkg/a.py", tree.root.join("x/link.py")).unwrap();
        symlink("../real", tree.root.join("x/dir")).unwrap();
        let found = tree.check(&["x/link.py"]);
        let file = found.files.iter().find(|file| file.selected).unwrap();
        assert_eq!(tree.below(&file.path), "x/link.py");
        assert_eq!(tree.below(&file.absolute), "real/pkg/a.py");
        assert_eq!(file.module, "real.pkg.a");
        assert_eq!(tree.paths(&found), ["real/pkg/__init__.py", "x/link.py"]);
        let found = tree.check(&["x/dir", "x/link.py"]);
        assert_eq!(tree.selected(&found), ["x/dir/pkg/__init__.py", "x/link.py"]);
    }

    #[test]
    fn names_that_are_not_utf8() {
        let tree = Tree::new(&["pkg/__init__.py"]);
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.py");
        let Ok(()) = fs::write(tree.root.join("pkg").join(name), "") else {
            // This file system takes UTF-8 only, so there is nothing to handle.
            return;
        };
        let found = tree.check(&["."]);
        assert_eq!(found.files.len(), 2);
        assert_eq!(found.files[1].absolute.file_name(), Some(name));
        assert_eq!(found.files[1].module, "pkg.caf\u{fffd}");
    }

    #[test]
    fn sockets_and_pipes_are_problems_of_a_build() {
        let tree = Tree::new(&["a.py"]);
        let _socket = std::os::unix::net::UnixListener::bind(tree.root.join("s.py")).unwrap();
        let found = discover(&tree.build(".")).unwrap();
        assert_eq!(found.files.len(), 1);
        assert!(found.others.is_empty());
        assert_eq!(found.problems[0].kind, ProblemKind::Special);
        assert!(tree.check(&["."]).problems.is_empty());
        assert_eq!(tree.check(&["s.py"]).problems[0].kind, ProblemKind::Special);
    }

    /// A privileged user can read any directory: then there is no problem, and nothing may be lost.
    #[test]
    fn an_unreadable_directory_is_a_problem_and_the_run_goes_on() {
        use std::os::unix::fs::PermissionsExt;
        let tree = Tree::new(&["a.py", "closed/b.py", "z.py"]);
        let closed = tree.root.join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let privileged = fs::read_dir(&closed).is_ok();
        let found = tree.check(&["."]);
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
        if privileged {
            assert_eq!(found.files.len(), 3);
            assert!(found.problems.is_empty());
        } else {
            assert_eq!(tree.paths(&found), ["a.py", "z.py"]);
            assert_eq!(tree.below(&found.problems[0].path), "closed");
            assert_eq!(found.problems[0].message, "cannot be read: Permission denied");
        }
    }
}

#[test]
fn an_error_of_the_walk_keeps_its_path_and_message() {
    let io = std::io::Error::from_raw_os_error(13);
    let inner = ignore::Error::Io(io);
    let error = ignore::Error::WithDepth {
        depth: 2,
        err: Box::new(ignore::Error::WithPath { path: PathBuf::from("/base/x"), err: Box::new(inner) }),
    };
    let walked = walk::problem(&error, Path::new("shown"), Path::new("/base"));
    assert_eq!(walked.path, Path::new("shown/x"));
    let WalkedKind::Problem(ProblemKind::Unreadable, message) = walked.kind else {
        panic!("{:?}", walked.kind);
    };
    assert!(!message.contains("os error"), "{message}");
}

#[test]
fn paths_are_shown_as_they_were_given() {
    for (given, tidy) in [
        ("./a/b.py", "a/b.py"),
        (".", ""),
        ("../a", "../a"),
        (".hidden", ".hidden"),
        ("a/.//b/", "a/b"),
        ("/.", "/"),
    ] {
        assert_eq!(walk::tidy(Path::new(given)).as_os_str(), tidy, "{given}");
    }
    let here = std::env::current_dir().unwrap();
    let below = fs::canonicalize(here.join("src")).unwrap();
    assert_eq!(shown(&below, &below), Path::new("src"));
    let above = fs::canonicalize(here.join("..")).unwrap();
    assert_eq!(shown(Path::new(".."), &above), Path::new(".."));
}

#[test]
fn the_order_is_that_of_paths() {
    let paths = ["a", "a/b", "a/b/c", "a/b-c", "a-b", "a-b/c", "a.py", "ab", "", "b", "a/\u{e9}", "a/b.py"];
    for a in paths.map(Path::new) {
        for b in paths.map(Path::new) {
            assert_eq!(by_components(a, b), a.cmp(b), "{a:?} {b:?}");
        }
    }
}

#[test]
fn names_that_import_can_spell() {
    for name in ["a", "_", "a1", "Übung", "match", "type"] {
        assert!(is_importable(name), "{name}");
    }
    for name in ["", "1a", "a-b", "a.b", "class", "lambda", "a b", "None"] {
        assert!(!is_importable(name), "{name}");
    }
}
