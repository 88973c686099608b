//! Import roots, and the names of modules below them.

use super::*;

#[test]
fn flat_layout_with_namespace_packages_and_scripts() {
    let tree = Tree::new(&[
        "pyproject.toml",
        "pkg/__init__.py",
        "pkg/__main__.py",
        "pkg/sub/__init__.py",
        "pkg/sub/mod.py",
        "pkg/data/mod.py",
        "ns/sub/mod.py",
        "ns/inner/pkg/__init__.py",
        "top.py",
        "tools/run.py",
        "tools/my-script.py",
    ]);
    let found = tree.check(&["."]);
    assert_eq!(
        tree.names(&found),
        [
            "ns/inner/pkg/__init__.py = ns.inner.pkg in .",
            "ns/sub/mod.py = ns.sub.mod in . +ns/sub",
            "pkg/__init__.py = pkg in .",
            "pkg/__main__.py = pkg.__main__ in .",
            "pkg/data/mod.py = pkg.data.mod in . +pkg/data",
            "pkg/sub/__init__.py = pkg.sub in .",
            "pkg/sub/mod.py = pkg.sub.mod in .",
            "tools/my-script.py = tools.my-script in . +tools",
            "tools/run.py = tools.run in . +tools",
            "top.py = top in .",
        ]
    );
    let packages: Vec<_> =
        found.files.iter().filter(|file| file.is_package).map(|file| file.module.as_str()).collect();
    assert_eq!(packages, ["ns.inner.pkg", "pkg", "pkg.sub"]);
    // Scripts see their own directory, nobody else does.
    assert_eq!(tree.roots(&found), ["", "ns/sub", "pkg/data", "tools"]);
    assert_eq!(found.shared_roots, 1);
}

#[test]
fn src_layout() {
    let tree =
        Tree::new(&["pyproject.toml", "src/pkg/__init__.py", "src/ns/mod.py", "tests/test_a.py", "conf.py"]);
    let found = tree.check(&["."]);
    assert_eq!(
        tree.names(&found),
        [
            "conf.py = conf in .",
            "src/ns/mod.py = ns.mod in src +src/ns",
            "src/pkg/__init__.py = pkg in src",
            "tests/test_a.py = tests.test_a in . +tests",
        ]
    );
    assert_eq!(&tree.roots(&found)[..found.shared_roots], ["src", ""]);
}

#[test]
fn src_without_a_project_file_is_a_root_if_it_holds_packages() {
    let tree = Tree::new(&["src/pkg/__init__.py", "src/pkg/a.py"]);
    assert_eq!(tree.check(&["."]).files[1].module, "pkg.a");
    let tree = Tree::new(&["src/a.py"]);
    assert_eq!(tree.check(&["."]).files[0].module, "src.a");
    // A package named `src` is a package.
    let tree = Tree::new(&["pyproject.toml", "src/__init__.py", "src/a.py"]);
    assert_eq!(tree.check(&["."]).files[1].module, "src.a");
}

#[test]
fn projects_inside_a_monorepo_have_roots_of_their_own() {
    let tree = Tree::new(&[
        "dally.toml",
        "services/one/pyproject.toml",
        "services/one/src/one/__init__.py",
        "services/one/tests/test_one.py",
        "services/two/setup.py",
        "services/two/two/__init__.py",
        "libs/shared/__init__.py",
    ]);
    let found = tree.check(&["."]);
    assert_eq!(
        tree.names(&found),
        [
            "libs/shared/__init__.py = libs.shared in .",
            "services/one/src/one/__init__.py = one in services/one/src",
            "services/one/tests/test_one.py = tests.test_one in services/one +services/one/tests",
            "services/two/setup.py = setup in services/two",
            "services/two/two/__init__.py = two in services/two",
        ]
    );
    assert_eq!(found.shared_roots, 4);
}

#[test]
fn configured_roots_come_first_and_the_deepest_counts() {
    let tree = Tree::new(&[
        "lib/a/b/mod.py",
        "lib/c.py",
        "other/pkg/__init__.py",
        "other/pkg/deep/__init__.py",
        "d.py",
    ]);
    let options = DiscoverOptions {
        src: ["lib", "lib/a", "other/pkg", "missing", "./lib"].map(PathBuf::from).to_vec(),
        ..tree.options(&["."])
    };
    let found = discover(&options).unwrap();
    assert_eq!(
        tree.names(&found),
        [
            "d.py = d in .",
            "lib/a/b/mod.py = b.mod in lib/a +lib/a/b",
            "lib/c.py = c in lib",
            "other/pkg/__init__.py = __init__ in other/pkg",
            "other/pkg/deep/__init__.py = deep in other/pkg",
        ]
    );
    assert_eq!(tree.roots(&found), ["lib", "lib/a", "other/pkg", "", "lib/a/b"]);
    assert_eq!(found.shared_roots, 4);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].kind, ProblemKind::Missing);
    assert!(found.problems[0].path.ends_with("missing"));
}

#[test]
fn what_import_cannot_spell_is_a_root_of_its_own() {
    let tree = Tree::new(&[
        "my-app/lib/x.py",
        "docs-src/conf.py",
        "lambda/handler.py",
        "a-b/pkg/__init__.py",
        "a-b/c-d/e.py",
    ]);
    let found = tree.check(&["."]);
    assert_eq!(
        tree.names(&found),
        [
            "a-b/c-d/e.py = e in a-b/c-d",
            "a-b/pkg/__init__.py = pkg in a-b",
            "docs-src/conf.py = conf in docs-src",
            "lambda/handler.py = handler in lambda",
            "my-app/lib/x.py = lib.x in my-app +my-app/lib",
        ]
    );
    assert_eq!(found.shared_roots, 0);
}

#[test]
fn a_package_directory_that_import_cannot_spell_is_no_package() {
    let tree = Tree::new(&["my-repo/__init__.py", "my-repo/pkg/__init__.py", "my-repo/pkg/a.py"]);
    let options = DiscoverOptions { project_root: tree.root.join("my-repo"), ..tree.options(&["my-repo"]) };
    let found = discover(&options).unwrap();
    assert_eq!(
        tree.names(&found),
        [
            "my-repo/__init__.py = __init__ in my-repo",
            "my-repo/pkg/__init__.py = pkg in my-repo",
            "my-repo/pkg/a.py = pkg.a in my-repo",
        ]
    );
}

#[test]
fn names_with_points_are_not_those_of_other_modules() {
    let tree = Tree::new(&["foo.bar.py", "foo/bar.py"]);
    let found = tree.check(&["."]);
    let modules: Vec<_> = found.files.iter().map(|file| file.module.as_str()).collect();
    assert_eq!(modules, ["foo.bar", "foo-bar"]);
}

#[test]
fn files_outside_the_project_are_named_by_their_packages() {
    let tree = Tree::new(&["project/pyproject.toml", "else/pkg/__init__.py", "else/pkg/a.py", "else/s.py"]);
    let options = DiscoverOptions {
        project_root: tree.root.join("project"),
        ..tree.options(&["else/pkg/a.py", "else/s.py"])
    };
    let found = discover(&options).unwrap();
    assert_eq!(
        tree.names(&found),
        ["else/pkg/__init__.py = pkg in else", "else/pkg/a.py = pkg.a in else", "else/s.py = s in else",]
    );
    assert_eq!(tree.selected(&found), ["else/pkg/a.py", "else/s.py"]);
}
