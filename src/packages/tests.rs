use std::fs;
use std::path::{Path, PathBuf};

use super::{Choice, Found, Packages, Search, Surroundings};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), files);
    folder
}

fn named(path: &Path) -> Packages {
    find(&Choice::Path(path.to_path_buf()), &Surroundings::default()).expect("an environment").expect("one")
}

fn find(choice: &Choice, around: &Surroundings) -> Result<Option<Packages>, super::PackagesError> {
    Packages::find(choice, Path::new("/nowhere"), around)
}

fn roots(packages: &Packages, below: &Path) -> Vec<String> {
    let shown = |root: &PathBuf| root.strip_prefix(below).unwrap_or(root).to_string_lossy().into_owned();
    packages.roots.iter().map(shown).collect()
}

const CFG: &str = "home = /usr/bin\nimplementation = CPython\nversion_info = 3.12.1.final.0\n";
const SITE: &str = "lib/python3.12/site-packages";

#[test]
fn an_environment_is_found_by_its_folder_and_by_its_interpreter() {
    let env = folder(&[
        ("pyvenv.cfg", CFG),
        ("bin/python3", "#!"),
        ("lib/python3.12/site-packages/six.py", ""),
        ("lib/python3.9/site-packages/old.py", ""),
    ]);
    for path in ["", "bin/python3"] {
        let packages = named(&env.path().join(path));
        assert_eq!(roots(&packages, env.path()), [SITE]);
        assert_eq!(packages.python.as_deref(), Some("3.12"));
        assert!(packages.is_complete(&["absent".to_owned()]));
    }
}

#[test]
fn an_interpreter_without_environment_has_its_own_packages_and_those_of_its_user() {
    let prefix = folder(&[
        ("py/bin/python3.11", "#!"),
        ("py/lib/python3.11/site-packages/README", ""),
        ("py/lib/python3.12/site-packages/README", ""),
        ("home/.local/lib/python3.11/site-packages/mine.py", ""),
    ]);
    let around = Surroundings { home: Some(prefix.path().join("home")), ..Surroundings::default() };
    let choice = Choice::Path(prefix.path().join("py/bin/python3.11"));
    let packages = find(&choice, &around).expect("fine").expect("one");
    let expected = ["home/.local/lib/python3.11/site-packages", "py/lib/python3.11/site-packages"];
    assert_eq!(roots(&packages, prefix.path()), expected);
}

#[cfg(unix)]
#[test]
fn links_are_followed_only_out_of_folders_that_are_no_environments() {
    use std::os::unix::fs::symlink;
    let prefix = folder(&[
        ("py/bin/python3.12", "#!"),
        ("py/lib/python3.12/site-packages/base.py", ""),
        ("env/pyvenv.cfg", CFG),
        ("env/lib/python3.12/site-packages/inner.py", ""),
        ("env/bin/keep", ""),
        ("bin/keep", ""),
    ]);
    let at = |path: &str| prefix.path().join(path);
    symlink(at("py/bin/python3.12"), at("env/bin/python")).expect("a link");
    symlink("../py/bin/python3.12", at("bin/python")).expect("a link");
    assert_eq!(roots(&named(&at("env/bin/python")), prefix.path()), [format!("env/{SITE}")]);
    let base = named(&at("bin/python"));
    assert_eq!(base.roots[0].file_name().expect("a name"), "site-packages");
    assert!(base.roots[0].join("base.py").is_file());
    // A command is looked up as the shell does it.
    let around = Surroundings { path: vec![at("none"), at("env/bin")], ..Surroundings::default() };
    let command = find(&Choice::Path(PathBuf::from("python")), &around).expect("fine").expect("one");
    assert_eq!(roots(&command, prefix.path()), [format!("env/{SITE}")]);
}

#[test]
fn a_system_wide_interpreter_is_seen_if_the_environment_says_so() {
    let all = folder(&[
        ("usr/bin/python3.12", "#!"),
        ("usr/lib/python3.12/os.py", ""),
        ("usr/lib/python3/dist-packages/apt.py", ""),
        ("usr/local/lib/python3.12/dist-packages/local.py", ""),
        ("env/lib/python3.12/site-packages/inner.py", ""),
    ]);
    let home = all.path().join("usr/bin");
    let cfg = format!("home = {}\ninclude-system-site-packages = TRUE\nversion = 3.12.1\n", home.display());
    write(all.path(), &[("env/pyvenv.cfg", &cfg)]);
    let expected = [
        "env/lib/python3.12/site-packages",
        "usr/local/lib/python3.12/dist-packages",
        "usr/lib/python3/dist-packages",
    ];
    assert_eq!(roots(&named(&all.path().join("env")), all.path()), expected);
    assert_eq!(roots(&named(&home.join("python3.12")), all.path()), expected[1..]);
}

#[test]
fn what_is_no_environment_is_an_error_and_what_only_might_be_one_is_not() {
    let all =
        folder(&[("empty/file.txt", ""), ("target/six-1.0.dist-info/METADATA", ""), ("target/six.py", "")]);
    let message = |path: &str| {
        let error = find(&Choice::Path(all.path().join(path)), &Surroundings::default()).expect_err("no");
        error.message
    };
    assert!(message("empty").starts_with("neither an interpreter nor an environment"));
    assert!(message("empty/file.txt").starts_with("neither"));
    assert_eq!(message("missing"), "no such interpreter or environment");
    // `pip install --target`
    assert_eq!(roots(&named(&all.path().join("target")), all.path()), ["target"]);
    let around = Surroundings { active: Some(all.path().join("empty")), ..Surroundings::default() };
    assert_eq!(find(&Choice::Usual, &around).expect("fine").map(|p| p.roots), None);
}

#[test]
fn the_active_environment_comes_before_the_one_in_the_project() {
    let all = folder(&[
        ("project/.venv/pyvenv.cfg", CFG),
        ("project/.venv/lib/python3.12/site-packages/a.py", ""),
        ("active/pyvenv.cfg", CFG),
        ("active/lib/python3.12/site-packages/six-1.16.dist-info/METADATA", ""),
    ]);
    let project = all.path().join("project");
    let folder = |choice: &Choice, around: &Surroundings| {
        let packages = Packages::find(choice, &project, around).expect("fine");
        packages.map(|p| p.folder.strip_prefix(all.path()).expect("below").to_path_buf())
    };
    let active = Surroundings { active: Some(all.path().join("active")), ..Surroundings::default() };
    assert_eq!(folder(&Choice::Usual, &active).as_deref(), Some(Path::new("active")));
    assert_eq!(folder(&Choice::Usual, &Surroundings::default()).as_deref(), Some(Path::new("project/.venv")));
    assert_eq!(folder(&Choice::None, &active), None);
    // A hook's environment has the hook, not what the project needs.
    let hook = Surroundings { own: active.active.clone(), ..active.clone() };
    assert_eq!(folder(&Choice::Usual, &hook).as_deref(), Some(Path::new("project/.venv")));
    let packages = Packages::find(&Choice::Usual, &project, &active).expect("fine").expect("one");
    assert!(packages.is_complete(&["six".to_owned()]));
    assert!(!packages.is_complete(&["attrs".to_owned(), "six".to_owned()]));
}

#[test]
fn modules_are_found_as_the_interpreter_finds_them() {
    let env = folder(&[
        ("pyvenv.cfg", CFG),
        ("lib/python3.12/site-packages/six.py", ""),
        ("lib/python3.12/site-packages/pkg/__init__.py", ""),
        ("lib/python3.12/site-packages/pkg/sub.py", ""),
        ("lib/python3.12/site-packages/pkg/_fast.cpython-312-x86_64-linux-gnu.so", ""),
        ("lib/python3.12/site-packages/pkg/both.py", ""),
        ("lib/python3.12/site-packages/pkg/both.abi3.so", ""),
        ("lib/python3.12/site-packages/pkg/data/file.json", ""),
        ("lib/python3.12/site-packages/space/one.py", ""),
        (
            "lib/python3.12/site-packages/more.pth",
            "# a comment\n\nimport os\n../../../src\n/does/not/exist\n",
        ),
        ("src/space/two.py", ""),
        ("src/extra.py", ""),
        ("src/six.py", "hidden by the other"),
        ("tool/__init__.py", ""),
        ("single.py", ""),
    ]);
    let finder = format!(
        "from x import y\nMAPPING: dict[str, str] = {{'tool': {:?}, 'single': {:?}}}\nNAMESPACES = {{}}\n",
        env.path().join("tool"),
        env.path().join("single.py"),
    );
    write(env.path(), &[(&format!("{SITE}/__editable___tool_1_0_finder.py"), &finder)]);
    let packages = named(env.path());
    let mut search = Search::new(&packages);
    let source = |path: &str, is_package| Some(Found::Source { path: env.path().join(path), is_package });
    assert_eq!(search.find("six"), source(&format!("{SITE}/six.py"), false));
    assert_eq!(search.find("pkg"), source(&format!("{SITE}/pkg/__init__.py"), true));
    assert_eq!(search.find("pkg.sub"), source(&format!("{SITE}/pkg/sub.py"), false));
    assert_eq!(search.find("pkg.both"), source(&format!("{SITE}/pkg/both.py"), false));
    assert_eq!(search.find("pkg._fast"), Some(Found::Compiled));
    assert_eq!(search.find("pkg.nothing"), None);
    assert_eq!(search.find("six.moves"), None);
    assert_eq!(search.find("space"), Some(Found::Namespace));
    assert_eq!(search.children("pkg"), ["_fast", "both", "sub"]);
    assert_eq!(search.children("space"), ["one", "two"]);
    assert!(matches!(search.find("space.two"), Some(Found::Source { .. })));
    assert!(matches!(search.find("extra"), Some(Found::Source { .. })));
    assert_eq!(search.find("tool"), source("tool/__init__.py", true));
    assert_eq!(search.find("single"), source("single.py", false));
    assert_eq!(search.find("nothing"), None);
}
