use std::fs;

use super::project::minimum_version;
use super::*;

/// A folder with files in it.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tree(files);
    Config::load(folder.path(), None)
}

/// The error for the content of `dally.toml`: line and message.
fn error(text: &str) -> (Option<u32>, String) {
    let error = load(&[("dally.toml", text)]).expect_err(text);
    assert!(error.path.ends_with("dally.toml"));
    (error.line, error.message)
}

#[test]
fn every_key_of_pyproject_is_read() {
    let text = r#"
[project]
name = "shop"

[tool.dally]
target = "lazy-modules"
python-version = "3.10"
safety = "strict"
escapes = "keep"
annotations = "defer"
runtime = "shop._dally"
src = ["src", "."]
include = ["src/**"]
exclude = ["generated"]
eager = ["matplotlib.use", "company.plugins.*"]
eager-in = ["legacy/**"]

[tool.dally.effects]
pure = ["company.log.setup"]
effect = ["company.registry.add"]
"#;
    let config = load(&[("pyproject.toml", text)]).unwrap();
    assert_eq!(config.target, Some(Target::LazyModules));
    assert_eq!(config.python_version, Some("3.10".parse().unwrap()));
    assert_eq!(config.safety, Some(Safety::Strict));
    assert_eq!(config.escapes, Some(Escapes::Keep));
    assert_eq!(config.annotations, Some(Annotations::Defer));
    assert_eq!(config.runtime.as_deref(), Some("shop._dally"));
    assert_eq!(config.src, [PathBuf::from("src"), PathBuf::from(".")]);
    assert!(config.include.matches(Path::new("src/a.py")));
    assert!(!config.include.matches(Path::new("tests/a.py")));
    assert!(config.exclude.matches(Path::new("a/generated/b.py")));
    assert!(config.eager.matches("matplotlib.use"));
    assert!(config.eager_in.matches(Path::new("legacy/x/y.py")));
    assert!(config.effects.pure.matches("company.log.setup"));
    assert!(config.effects.effect.matches("company.registry.add"));
    assert!(config.file.unwrap().ends_with("pyproject.toml"));
}

#[test]
fn own_file_has_its_keys_at_the_top_and_wins() {
    let config = load(&[
        ("dally.toml", "target = 'native'\n[effects]\npure = ['a']\n"),
        ("pyproject.toml", "[tool.dally]\ntarget = 'proxy'\n"),
    ])
    .unwrap();
    assert_eq!(config.target, Some(Target::Native));
    assert!(config.effects.pure.matches("a"));
    assert!(config.file.unwrap().ends_with("dally.toml"));
}

#[test]
fn the_nearest_configuration_counts() {
    let folder = tree(&[
        ("dally.toml", "target = 'native'"),
        ("a/pyproject.toml", "[tool.dally]\ntarget = 'proxy'"),
        ("a/b/pyproject.toml", "[project]\nname = 'b'\n# dally has no table here"),
        ("a/b/c/mod.py", ""),
        ("d/mod.py", ""),
    ]);
    let root = fs::canonicalize(folder.path()).unwrap();
    let near = Config::load(&root.join("a/b/c/mod.py"), None).unwrap();
    assert_eq!(near.target, Some(Target::Proxy));
    assert_eq!(near.project_root, root.join("a"));
    let far = Config::load(&root.join("d"), None).unwrap();
    assert_eq!(far.target, Some(Target::Native));
    assert_eq!(far.project_root, root);
}

#[test]
fn an_explicit_file_overrides() {
    let folder = tree(&[
        ("dally.toml", "target = 'native'"),
        ("other.toml", "target = 'proxy'"),
        ("elsewhere/conf.toml", "target = 'lazy-modules'"),
        ("app/pyproject.toml", "[project]\nname = 'app'\n"),
        ("app/mod.py", ""),
    ]);
    let root = fs::canonicalize(folder.path()).unwrap();
    let module = root.join("app/mod.py");
    let config = Config::load(&module, Some(&root.join("other.toml"))).unwrap();
    assert_eq!(config.target, Some(Target::Proxy));
    assert_eq!(config.project_root, root);
    // A file from elsewhere says nothing about where the project is.
    let config = Config::load(&module, Some(&root.join("elsewhere/conf.toml"))).unwrap();
    assert_eq!(config.target, Some(Target::LazyModules));
    assert_eq!(config.project_root, root.join("app"));

    let missing = Config::load(&module, Some(&root.join("nothing.toml"))).unwrap_err();
    assert_eq!(missing.message, "no such file");
    let without = Config::load(&module, Some(&root.join("app/pyproject.toml"))).unwrap_err();
    assert_eq!(without.message, "there is no [tool.dally] in this file");
}

#[test]
fn without_configuration_the_root_is_the_nearest_project() {
    for marker in ["pyproject.toml", "setup.py", "setup.cfg", ".git/HEAD"] {
        let folder = tree(&[(marker, ""), ("a/b/mod.py", "")]);
        let root = fs::canonicalize(folder.path()).unwrap();
        let config = Config::load(&root.join("a/b/mod.py"), None).unwrap();
        assert_eq!(config.project_root, root, "{marker}");
        assert_eq!(config.file, None);
    }
}

#[test]
fn without_any_project_the_root_is_the_folder_of_the_path() {
    let folder = tree(&[("a/mod.py", "")]);
    let root = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(project::root_above(&root.join("a")), None);
    assert_eq!(project::folder_of(&root.join("a/mod.py")), root.join("a"));
    assert_eq!(project::folder_of(&root.join("a")), root.join("a"));
    assert!(project::folder_of(Path::new("")).is_absolute());
    // What does not exist yet is a file.
    assert_eq!(project::folder_of(&root.join("a/new.py")), root.join("a"));
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    let found = error("# first\n\ntaget = 'proxy'\n");
    assert_eq!(found, (Some(3), "unknown key `taget`; did you mean `target`?".into()));
    let (_, message) = error("eager_in = []");
    assert_eq!(message, "unknown key `eager_in`; did you mean `eager-in`?");
    let (_, message) = error("colour = 1");
    assert!(
        message.starts_with("unknown key `colour`; known are `target`, `python`, `python-version`"),
        "{message}"
    );
    let (line, message) = error("[effects]\npuer = []");
    assert_eq!(line, Some(2));
    assert_eq!(message, "unknown key `puer` in [effects]; did you mean `pure`?");
    let (_, message) = error("[tool.dally]\ntarget = 'proxy'");
    assert!(message.ends_with("the keys stand at the top, without [tool.dally]"), "{message}");

    let error = load(&[("pyproject.toml", "[tool.dally]\n\nsafty = 'strict'\n")]).unwrap_err();
    assert_eq!(error.line, Some(3));
    assert_eq!(error.message, "unknown key `safty` in [tool.dally]; did you mean `safety`?");
    let text = error.to_string();
    assert!(text.contains("pyproject.toml:3: unknown key"), "{text}");
}

#[test]
fn the_first_error_of_the_file_is_reported() {
    let (line, message) = error("zzz = 1\naaa = 1\n");
    assert_eq!(line, Some(1));
    assert!(message.contains("`zzz`"), "{message}");
}

#[test]
fn wrong_types_and_values_say_what_was_expected() {
    for (text, line, message) in [
        ("\ntarget = 3", 2, "`target` must be one of `proxy`, `native`, `lazy-modules`, not an integer"),
        (
            "target = 'natve'",
            1,
            "`target` must be one of `proxy`, `native`, `lazy-modules`, not `natve`; did you mean `native`?",
        ),
        ("safety = 'x'", 1, "`safety` must be one of `strict`, `balanced`, `trusting`, not `x`"),
        ("src = 'src'", 1, "`src` must be a list of strings, not a string"),
        ("eager = [\n'a',\n1,\n]", 3, "`eager` must be a list of strings, but this is an integer"),
        ("effects = []", 1, "`effects` must be a table, not a list"),
        ("python-version = 3.10", 1, "`python-version` must be a string: write python-version = \"3.10\""),
        (
            "python-version = '3.7'",
            1,
            "`python-version`: expected a Python version from 3.8 to 3.15, not `3.7`",
        ),
        ("python-version = true", 1, "`python-version` must be a string like \"3.11\", not a boolean"),
        ("runtime = 'a-b'", 1, "`runtime` must be a module name like `company._dally`, not `a-b`"),
        (
            "eager = ['a',\n'b..c']",
            2,
            "`eager`: the pattern `b..c` is not a dotted name like `package.module` or `package.*`",
        ),
    ] {
        assert_eq!(error(text), (Some(line), message.to_owned()), "{text}");
    }
    let (line, message) = error("exclude = ['a',\n'b[']");
    assert_eq!(line, Some(2));
    assert!(message.starts_with("`exclude`: the pattern `b[` is not a valid glob"), "{message}");
    let (_, message) = error("exclude = ['!a']");
    assert_eq!(message, "`exclude`: the pattern `!a` starts with `!`, which is not supported");
}

#[test]
fn broken_toml_names_its_line() {
    let (line, message) = error("a = 1\nb = \n");
    assert_eq!(line, Some(2));
    assert!(message.starts_with("not valid TOML: "), "{message}");
    let error = load(&[("pyproject.toml", "[tool.dally]\n[project\n")]).unwrap_err();
    assert_eq!(error.line, Some(2));
    // Also where the table is not ours, for the metadata are needed.
    let error = load(&[("pyproject.toml", "[project]\nname = \n")]).unwrap_err();
    assert_eq!(error.line, Some(2));
    let error = load(&[("pyproject.toml", "[tool]\ndally = 1\n")]).unwrap_err();
    assert_eq!(error.message, "`tool.dally` must be a table, not an integer");
}

#[test]
fn versions() {
    for text in ["3.8", "3.9", "3.10", "3.15"] {
        let version: PythonVersion = text.parse().unwrap();
        assert_eq!(version.to_string(), text);
    }
    for text in ["3.7", "3.16", "3", "2.7", "3.8.1", "", "3.08", " 3.8", "py38"] {
        assert!(text.parse::<PythonVersion>().is_err(), "{text}");
    }
    let (old, new): (PythonVersion, PythonVersion) = ("3.9".parse().unwrap(), "3.10".parse().unwrap());
    assert!(old < new);
    assert_eq!((new.major(), new.minor()), (3, 10));
    assert_eq!(serde_json::to_string(&new).unwrap(), "\"3.10\"");
    assert_eq!(serde_json::from_str::<PythonVersion>("\"3.9\"").unwrap(), old);
    assert!(serde_json::from_str::<PythonVersion>("\"3.1\"").is_err());
}

#[test]
fn the_oldest_supported_python() {
    for (specifier, expected) in [
        (">=3.9", Some("3.9")),
        (">= 3.10 , < 4", Some("3.10")),
        ("~=3.10", Some("3.10")),
        ("~=3.10.2", Some("3.10")),
        (">=3.8,<4", Some("3.8")),
        ("==3.11.*", Some("3.11")),
        ("==3.11", Some("3.11")),
        ("===3.11.2", Some("3.11")),
        (">3.8", Some("3.8")),
        (">3.8.5", Some("3.8")),
        (">=3.9.1", Some("3.9")),
        (">=3.9,!=3.9.*", Some("3.10")),
        (">=3.9,!=3.9.0", Some("3.9")),
        (">=3.9.0rc1", Some("3.9")),
        // Older than anything that is written for, and newer.
        (">=3.6", Some("3.8")),
        (">=2.7,!=3.0.*,!=3.1.*", Some("3.8")),
        (">=3.16", Some("3.15")),
        // Poetry.
        ("^3.9", Some("3.9")),
        ("~3.12", Some("3.12")),
        ("^3.10.1", Some("3.10")),
        ("3.11", Some("3.11")),
        ("3.11.*", Some("3.11")),
        ("~2.7 || ^3.9", Some("3.9")),
        // No lower bound, or none that can be read.
        ("<4", None),
        ("*", None),
        ("", None),
        (">=three", None),
        ("==2.7.*", None),
    ] {
        let found = minimum_version(specifier).map(|version| version.to_string());
        assert_eq!(found.as_deref(), expected, "{specifier}");
    }
}

#[test]
fn requires_python_is_found_in_all_its_places() {
    for (file, text) in [
        ("pyproject.toml", "[project]\nrequires-python = '>=3.9'"),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = '>=3.9'"),
        ("setup.cfg", "[metadata]\nname = x\n[options]\npython_requires = >=3.9\n"),
        ("setup.cfg", "[options]\npython_requires =\n    >=3.9\n"),
    ] {
        let config = load(&[(file, text)]).unwrap();
        assert_eq!(config.requires_python.as_deref(), Some(">=3.9"), "{text}");
        assert_eq!(config.minimum_version, Some("3.9".parse().unwrap()));
    }
    let both = load(&[
        ("pyproject.toml", "[project]\nrequires-python = '>=3.12'"),
        ("setup.cfg", "[options]\npython_requires = >=3.9\n"),
    ]);
    assert_eq!(both.unwrap().requires_python.as_deref(), Some(">=3.12"));
    let other = load(&[("setup.cfg", "[other]\npython_requires = >=3.9\n")]).unwrap();
    assert_eq!(other.minimum_version, None);
}

#[test]
fn declared_dependencies_of_every_kind() {
    let config = load(&[
        (
            "pyproject.toml",
            r#"
[project]
dependencies = ["Zope.Interface>=5", "numpy", "requests[socks] ; python_version < '3.9'"]
optional-dependencies = { plot = ["matplotlib~=3.8"] }
[dependency-groups]
dev = ["pytest>8", { include-group = "docs" }]
docs = ["sphinx"]
[tool.uv]
dev-dependencies = ["mypy"]
[tool.poetry.dependencies]
python = "^3.9"
Flask_Login = "*"
[tool.poetry.group.test.dependencies]
hypothesis = { version = "6" }
"#,
        ),
        (
            "setup.cfg",
            "[options]\ninstall_requires =\n    attrs>=20\n    # nothing\n    six;python_version<'3'\n[options.extras_require]\nyaml = PyYAML\n",
        ),
        (
            "requirements-dev.txt",
            "# comment\n-r other.txt\n--hash=x\n./local\nhttps://example.org/x.whl\ngit+https://example.org/y\nclick==8 \\\nNumPy>=1\nname @ https://example.org/z\nruamel.yaml\n\n",
        ),
        ("notes.txt", "unrelated\n"),
    ])
    .unwrap();
    assert_eq!(
        config.declared,
        [
            "attrs",
            "click",
            "flask-login",
            "hypothesis",
            "matplotlib",
            "mypy",
            "name",
            "numpy",
            "pytest",
            "pyyaml",
            "requests",
            "ruamel-yaml",
            "six",
            "sphinx",
            "zope-interface"
        ]
    );
}

#[test]
fn path_patterns() {
    let patterns =
        PathPatterns::new(&["generated", "*_pb2.py", "legacy/**", "/top", "a/*.py", "docs/"]).unwrap();
    for (path, expected) in [
        ("generated", Some("generated")),
        ("x/generated/y.py", Some("generated")),
        ("x/ungenerated/y.py", None),
        ("x/y_pb2.py", Some("*_pb2.py")),
        ("x_pb2.py/y.txt", Some("*_pb2.py")),
        ("legacy/x/y.py", Some("legacy/**")),
        ("x/legacy/y.py", None),
        ("top/x.py", Some("/top")),
        ("x/top/y.py", None),
        ("a/b.py", Some("a/*.py")),
        ("a/b/c.py", None),
        ("x/docs/conf.py", Some("docs/")),
    ] {
        assert_eq!(patterns.find(Path::new(path)), expected, "{path}");
        assert_eq!(patterns.matches(Path::new(path)), expected.is_some(), "{path}");
    }
    assert!(!patterns.is_empty());
    let none = PathPatterns::default();
    assert!(none.is_empty() && !none.matches(Path::new("x")));
    let everything = PathPatterns::new(&["."]).unwrap();
    assert!(everything.matches(Path::new("a/b.py")));
    for bad in ["", "/", "a[", "!x"] {
        assert_eq!(PathPatterns::new(&[bad]).unwrap_err().pattern, bad);
    }
}

#[test]
fn name_patterns() {
    let names = ["matplotlib.use", "company.plugins.*", "a.*_hooks.b", "*.conftest"];
    let patterns = NamePatterns::new(&names).unwrap();
    for (name, expected) in [
        ("matplotlib.use", Some("matplotlib.use")),
        ("matplotlib", None),
        ("matplotlib.use.x", None),
        ("matplotlib.user", None),
        ("company.plugins", Some("company.plugins.*")),
        ("company.plugins.a.b", Some("company.plugins.*")),
        ("company.pluginsx", None),
        ("company", None),
        ("a.my_hooks.b", Some("a.*_hooks.b")),
        ("a.x.y_hooks.b", None),
        ("tests.conftest", Some("*.conftest")),
        ("conftest", None),
        ("a.tests.conftest", None),
    ] {
        assert_eq!(patterns.find(name), expected, "{name}");
        assert_eq!(patterns.matches(name), expected.is_some(), "{name}");
    }
    assert!(NamePatterns::new(&["*"]).unwrap().matches("any.thing"));
    let wild = NamePatterns::new(&["a*b*c"]).unwrap();
    for (name, expected) in [("abc", true), ("axxbyyc", true), ("acb", false), ("abcx", false), ("ab", false)]
    {
        assert_eq!(wild.matches(name), expected, "{name}");
    }
    for bad in ["", "a.", ".a", "a..b", "a b", "a-b", "a.b:c"] {
        assert!(NamePatterns::new(&[bad]).is_err(), "{bad}");
    }
}

#[test]
fn enums_are_spelled_as_on_the_command_line() {
    for target in Target::value_variants() {
        let name = target.to_possible_value().unwrap();
        let json = serde_json::to_string(target).unwrap();
        assert_eq!(json, format!("\"{}\"", name.get_name()));
    }
}
