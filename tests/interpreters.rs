//! Which Pythons the other tests run. A missing one is printed here; under `CI` it fails.

mod common;

#[test]
fn every_supported_python_is_found() {
    for python in common::interpreters() {
        println!("Python {}: {}", python.version(), python.binary.display());
    }
    let missing: Vec<u8> = common::MINORS.filter(|minor| common::python(*minor).is_none()).collect();
    if std::env::var_os("CI").is_some() {
        assert!(missing.is_empty(), "no Python 3 with the minor versions {missing:?}");
    }
}
