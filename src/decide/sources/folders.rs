//! Folders of a package that are no packages themselves, whose files the program copies.
//!
//! ```python
//! TEMPLATES = Path(__file__).parent / "templates"      # templates/basic/env.py
//! def init(name, target):
//!     for file in (TEMPLATES / name).iterdir():
//!         shutil.copy(file, target)
//! ```

use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{READERS, is_copy};
use crate::facts::Sym;
use crate::program::state::of_all;
use crate::program::{ModuleId, Origin, Program};

/// What a module mentions that asks where files are.
const PLACES: &[&str] =
    &["__file__", "__path__", "files", "as_file", "resource_filename", "resource_listdir"];

/// A folder, and the modules in it and below it.
struct Folder<'a> {
    path: &'a Path,
    /// The outermost package around it.
    package: &'a Path,
    name: Sym,
    /// How the names of its modules begin, if imports can name them.
    dotted: Option<String>,
    /// What imports of its modules begin with if it is on the import path.
    tops: FxHashSet<&'a str>,
    modules: Vec<ModuleId>,
}

/// The modules in such folders, and who names the folder.
pub(super) fn copied(program: &Program) -> Vec<(ModuleId, ModuleId)> {
    let mut folders = without_init(program);
    if folders.is_empty() {
        return Vec::new();
    }
    let mut folder_of: FxHashMap<ModuleId, usize> = FxHashMap::default();
    for (index, folder) in folders.iter().enumerate() {
        folder_of.extend(folder.modules.iter().map(|&id| (id, index)));
    }
    let used: FxHashSet<usize> = of_all(program, |id| used_by(program, id, &folders, &folder_of)).collect();
    let mut index = 0;
    folders.retain(|_| {
        index += 1;
        !used.contains(&(index - 1))
    });
    if folders.is_empty() {
        return Vec::new();
    }
    let named: Vec<(usize, ModuleId)> = of_all(program, |id| named_by(program, id, &folders)).collect();
    let named: Vec<(&Folder<'_>, ModuleId)> = (0..)
        .zip(&folders)
        .filter_map(|(index, folder)| Some((folder, named.iter().find(|&&(of, _)| of == index)?.1)))
        .collect();
    let may_copy = |id: ModuleId| named.iter().any(|(folder, _)| folder.is_around(program, id));
    let copiers = |id: ModuleId| if may_copy(id) && copies(program, id) { vec![id] } else { Vec::new() };
    let copiers: Vec<ModuleId> = of_all(program, copiers).collect();
    let mut found = Vec::new();
    for &(folder, by) in &named {
        if copiers.iter().any(|&copier| folder.is_around(program, copier)) {
            found.extend(folder.modules.iter().map(|&id| (id, by)));
        }
    }
    found
}

impl Folder<'_> {
    /// Whether a module is in the outermost package around the folder.
    fn is_around(&self, program: &Program, id: ModuleId) -> bool {
        program.module(id).path.starts_with(self.package)
    }
}

/// The outermost folders below a package that have no `__init__.py`, with the modules in them.
fn without_init(program: &Program) -> Vec<Folder<'_>> {
    let files = || program.ids().filter(|&id| !program.module(id).installed);
    let parent = |id: ModuleId| program.module(id).path.parent();
    let packages: FxHashSet<&Path> =
        files().filter(|&id| program.module(id).is_package).filter_map(parent).collect();
    let mut found: Vec<Folder<'_>> = Vec::new();
    let mut last: Option<(&Path, Option<(&Path, &Path)>)> = None;
    for id in files() {
        let Some(place) = parent(id) else { continue };
        // The files of a folder stand together.
        let outermost = match last {
            Some((same, outermost)) if same == place => outermost,
            _ => outermost_without_init(place, &packages),
        };
        last = Some((place, outermost));
        let Some((package, path)) = outermost else { continue };
        let file =
            program.module(id).path.strip_prefix(path).ok().and_then(|file| file.iter().next()?.to_str());
        let tops = [program.module(id).name.as_str(), file.unwrap_or_default()];
        let tops = tops.map(|name| name.split('.').next().unwrap_or_default());
        if let Some(folder) = found.last_mut().filter(|folder| folder.path == path) {
            folder.modules.push(id);
            folder.tops.extend(tops);
            continue;
        }
        let Some(name) = path.file_name().and_then(|name| Sym::find(name.to_str()?)) else { continue };
        let below = place.strip_prefix(path).map_or(0, |rest| rest.components().count());
        let module = program.module(id);
        let mut dotted = Some(module.name.as_str());
        for _ in 0..below + usize::from(!module.is_package) {
            dotted = dotted.and_then(|name| name.rsplit_once('.')).map(|(above, _)| above);
        }
        let is_folder = |dotted: &&str| dotted.rsplit('.').next() == Some(name.as_str());
        let dotted = dotted.filter(is_folder).map(str::to_owned);
        found.push(Folder {
            path,
            package,
            name,
            dotted,
            tops: FxHashSet::from_iter(tops),
            modules: vec![id],
        });
    }
    found
}

/// The outermost package around a place, and the folder in it that is none.
fn outermost_without_init<'a>(place: &'a Path, packages: &FxHashSet<&Path>) -> Option<(&'a Path, &'a Path)> {
    let mut without = None;
    let mut inside = None;
    for folder in place.ancestors() {
        if packages.contains(folder) {
            inside = without.map(|without| (folder, without));
        } else {
            without = Some(folder);
        }
        if folder.parent().is_none_or(|above| above.as_os_str().is_empty()) {
            break;
        }
    }
    inside
}

/// The folders, by number, whose modules a module imports or names, other than its own.
fn used_by(
    program: &Program,
    id: ModuleId,
    folders: &[Folder<'_>],
    folder_of: &FxHashMap<ModuleId, usize>,
) -> Vec<usize> {
    let own = folder_of.get(&id);
    let facts = &program.module(id).facts;
    let mut used = Vec::new();
    let folder = |to: ModuleId| folder_of.get(&to).filter(|&folder| own != Some(folder));
    for import in &facts.imports {
        // `sys.path.insert(0, folder); import tool`
        for name in import.aliases.iter().map(|alias| alias.name) {
            let name = import.from.map_or(name, |from| from.module).as_str();
            let top = name.split('.').next().unwrap_or_default();
            let named = |&index: &usize| {
                let folder: &Folder<'_> = &folders[index];
                own != Some(&index)
                    && folder.tops.contains(top)
                    && program.module(id).path.starts_with(folder.package)
                    && folder.package.file_name().is_none_or(|package| package != top)
            };
            if import.from.is_none_or(|from| from.level == 0) {
                used.extend((0..folders.len()).filter(named));
            }
        }
        for alias in 0..import.aliases.len() {
            used.extend(program.loaded_chain(id, import, alias).iter().filter_map(|&to| folder(to)));
            if let Origin::Module(to) = program.origin(id, import, alias) {
                used.extend(folder(to));
            }
        }
    }
    for text in &facts.code.strings {
        for (index, folder) in folders.iter().enumerate() {
            let names = |dotted: &String| {
                let rest = text.as_str().strip_prefix(dotted.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
            };
            if own != Some(&index) && folder.dotted.as_ref().is_some_and(names) {
                used.push(index);
            }
        }
    }
    used
}

/// The folders in the package of a module, by number, that it names, if it asks where files are.
fn named_by(program: &Program, id: ModuleId, folders: &[Folder<'_>]) -> Vec<(usize, ModuleId)> {
    let code = &program.module(id).facts.code;
    let near: Vec<usize> =
        (0..folders.len()).filter(|&index| folders[index].is_around(program, id)).collect();
    if near.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for text in &code.strings {
        let names = |folder: &Folder<'_>| text.as_str().split(['/', '\\']).any(|part| folder.name == *part);
        found.extend(near.iter().copied().filter(|&index| names(&folders[index])));
    }
    if found.is_empty() || !code.mentions(PLACES) {
        return Vec::new();
    }
    found.into_iter().map(|index| (index, id)).collect()
}

/// Whether a module copies files, or reads them.
fn copies(program: &Program, id: ModuleId) -> bool {
    let code = &program.module(id).facts.code;
    code.calls().any(|call| is_copy(code, &call))
        || code.attributes().any(|name| name == "copytree" || READERS.contains(&name.as_str()))
}
