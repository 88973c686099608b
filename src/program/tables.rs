//! Tables about other people's packages.

static WELL_KNOWN: &str = include_str!("data/well_known.txt");

/// Import names of packages that are so common that they are taken to exist when no environment is known.
pub fn well_known_packages() -> impl Iterator<Item = &'static str> {
    WELL_KNOWN.split_whitespace()
}
