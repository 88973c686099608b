//! An interpreter or a folder to the folders of its packages.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::{Packages, PackagesError, Surroundings, editable};
use crate::config::normalised;

/// What the user has named.
pub(super) fn named(path: &Path, around: &Surroundings) -> Result<Packages, PackagesError> {
    let error = |message: &str| PackagesError { path: path.to_path_buf(), message: message.to_owned() };
    let is_command = path.components().count() == 1 && !path.exists();
    let program =
        is_command.then(|| around.path.iter().map(|folder| folder.join(path))).into_iter().flatten();
    let Some(found) = program.chain([path.to_path_buf()]).find(|path| path.exists()) else {
        return Err(error("no such interpreter or environment"));
    };
    let packages = if found.is_dir() {
        environment(&found).or_else(|| plain(&found, None, around)).or_else(|| folder_of_packages(&found))
    } else {
        interpreter(&found, around)
    };
    let packages = packages.ok_or_else(|| {
        error("neither an interpreter nor an environment: there is no folder site-packages where one would have it")
    })?;
    Ok(Packages { named: true, ..packages })
}

/// A virtual environment.
pub(super) fn environment(folder: &Path) -> Option<Packages> {
    let settings = Settings::read(&folder.join("pyvenv.cfg"))?;
    let mut sites = sites_below(folder, settings.version());
    if sites.is_empty() {
        return None;
    }
    if settings.get("include-system-site-packages").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        && let Some(base) = settings.get("home").map(PathBuf::from)
    {
        sites.extend(base_sites(base.parent().unwrap_or(&base), settings.version()));
    }
    let packages = read_sites(folder, sites);
    let python = settings.version().map(str::to_owned).or(packages.python);
    Some(Packages { python, ..packages })
}

/// An interpreter: that of an environment, or one that stands alone.
fn interpreter(program: &Path, around: &Surroundings) -> Option<Packages> {
    let mut program = std::path::absolute(program).ok()?;
    let mut version = None;
    // A link to an interpreter in an environment counts for what it is; the interpreter behind the link is another one.
    for _ in 0..16 {
        version = version.or_else(|| version_in(program.file_name()?));
        let folder = program.parent()?;
        for prefix in [Some(folder), folder.parent()].into_iter().flatten() {
            let packages = environment(prefix).or_else(|| plain(prefix, version.as_deref(), around));
            if packages.is_some() {
                return packages;
            }
        }
        program = folder.join(fs::read_link(&program).ok()?);
    }
    None
}

/// The installation of an interpreter without an environment.
fn plain(prefix: &Path, version: Option<&str>, around: &Surroundings) -> Option<Packages> {
    let sites = base_sites(prefix, version);
    let versions: Vec<&OsStr> = sites
        .iter()
        .filter_map(|site| site.parent()?.file_name())
        .filter(|name| *name != "python3")
        .collect();
    let user = around.home.iter().flat_map(|home| {
        versions.iter().map(|version| home.join(".local/lib").join(version).join("site-packages"))
    });
    let mut all: Vec<PathBuf> = user.filter(|folder| folder.is_dir()).collect();
    all.dedup();
    if sites.is_empty() {
        return None;
    }
    all.extend(sites);
    Some(read_sites(prefix, all))
}

/// `pip install --target`: the folder itself.
fn folder_of_packages(folder: &Path) -> Option<Packages> {
    let packages = read_sites(folder, vec![folder.to_path_buf()]);
    let is_named = folder.file_name().is_some_and(|name| name == "site-packages" || name == "dist-packages");
    (is_named || !packages.distributions.is_empty()).then_some(packages)
}

/// `lib/python3.12/site-packages`, of the given version if it is known and there are several.
fn sites_below(prefix: &Path, version: Option<&str>) -> Vec<PathBuf> {
    let windows = prefix.join("Lib/site-packages");
    let mut sites = Vec::new();
    for lib in ["lib", "lib64"] {
        let mut versions = children(&prefix.join(lib));
        versions.retain(|folder| is_version_folder(folder) && folder.join("site-packages").is_dir());
        if let Some(version) = version {
            let wanted: Vec<PathBuf> = versions
                .iter()
                .filter(|folder| {
                    version_in(folder.file_name().unwrap_or_default()).as_deref() == Some(version)
                })
                .cloned()
                .collect();
            if !wanted.is_empty() {
                versions = wanted;
            }
        }
        versions.sort_by_key(|folder| {
            let version = version_in(folder.file_name().unwrap_or_default()).unwrap_or_default();
            version.split('.').map(|part| part.parse::<u32>().unwrap_or_default()).collect::<Vec<_>>()
        });
        sites.extend(versions.last().map(|folder| folder.join("site-packages")));
    }
    if sites.is_empty() && windows.is_dir() {
        sites.push(windows);
    }
    without_doubles(sites)
}

/// The folders of an interpreter's own packages, also where a distributor of Linux puts them.
fn base_sites(prefix: &Path, version: Option<&str>) -> Vec<PathBuf> {
    let mut sites = sites_below(prefix, version);
    let local = prefix.join("local");
    let shared = prefix.join("lib/python3/dist-packages");
    if shared.is_dir() || local.join("lib").is_dir() {
        let version = version.map(str::to_owned).or_else(|| {
            let folder =
                children(&prefix.join("lib")).into_iter().rfind(|folder| folder.join("os.py").is_file())?;
            version_in(folder.file_name()?)
        });
        if let Some(version) = version {
            for kind in ["dist-packages", "site-packages"] {
                sites.push(local.join(format!("lib/python{version}/{kind}")));
            }
            sites.push(prefix.join(format!("lib/python{version}/dist-packages")));
        }
        sites.push(shared);
    }
    sites.retain(|site| site.is_dir());
    without_doubles(sites)
}

fn without_doubles(sites: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = FxHashSet::default();
    let canonical = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    sites.into_iter().filter(|site| seen.insert(canonical(site))).collect()
}

fn is_version_folder(folder: &Path) -> bool {
    folder.file_name().and_then(OsStr::to_str).is_some_and(|name| {
        ["python", "pypy"].iter().any(|kind| {
            name.strip_prefix(kind).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    })
}

/// `3.12` in `python3.12`.
fn version_in(name: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    let rest = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let (major, minor) = rest.split_once('.')?;
    let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
    (major == "3" && !minor.is_empty()).then(|| format!("{major}.{minor}"))
}

/// What is in a folder, sorted.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
}

/// Goes through the folders as the interpreter does when it starts: `.pth` files add others.
fn read_sites(folder: &Path, sites: Vec<PathBuf>) -> Packages {
    let python = sites.iter().find_map(|site| version_in(site.parent()?.file_name()?));
    let mut packages = Packages { folder: folder.to_path_buf(), python, ..Packages::default() };
    let mut seen = FxHashSet::default();
    for site in sites {
        let mut add = |path: PathBuf| {
            let canonical = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if path.is_dir() && seen.insert(canonical) {
                packages.roots.push(path);
            }
        };
        add(site.clone());
        for path in children(&site) {
            let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
            if name.ends_with(".pth") && !name.starts_with('.') {
                for line in editable::path_lines(&path) {
                    add(site.join(line));
                }
            } else if name.starts_with("__editable__") && name.ends_with("_finder.py") {
                packages.editable.extend(editable::mapping(&path));
            } else if let Some(information) =
                name.strip_suffix(".dist-info").or(name.strip_suffix(".egg-info"))
            {
                let distribution = information.split('-').next().unwrap_or_default();
                packages.distributions.insert(normalised(distribution));
            } else if let Some(link) = name.strip_suffix(".egg-link") {
                packages.distributions.insert(normalised(link));
            }
        }
    }
    packages
}

/// `pyvenv.cfg`.
struct Settings(Vec<(String, String)>);

impl Settings {
    fn read(path: &Path) -> Option<Self> {
        let text = fs::read(path).ok()?;
        let text = String::from_utf8_lossy(&text);
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Some(Self(pairs.map(|(key, value)| (key.trim().to_lowercase(), value.trim().to_owned())).collect()))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// `3.12`
    fn version(&self) -> Option<&str> {
        let version = self.get("version").or_else(|| self.get("version_info"))?;
        let end = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
        Some(&version[..end])
    }
}
