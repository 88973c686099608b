//! The names of functions that load modules without an import statement.

/// Whether a function imports the module whose name it is given, and gives it back.
pub fn imports_by_name(function: &str) -> bool {
    matches!(function, "import_module" | "__import__")
}

/// Whether a function gives a module that it makes of what it is given: a specification or a path.
pub fn makes_module(function: &str) -> bool {
    matches!(function, "module_from_spec" | "load_module" | "load_source")
}

/// Whether a function may run the code of modules: by name, from a path, by a loader, or once more.
pub fn loads_modules(function: &str) -> bool {
    imports_by_name(function)
        || makes_module(function)
        || matches!(function, "_import_module" | "reload" | "run_module" | "run_path" | "exec_module")
}
