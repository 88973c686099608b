//! Verdicts and changes into a `Write`: text, JSON, SARIF, GitHub annotations, diff, explanations.

pub mod conflicts;
pub mod diff;
pub mod explain;
pub mod github;
pub mod json;
pub mod sarif;
pub mod sites;
pub mod text;
