//! Verdicts and changes into a `Write`: text, JSON, diff.

pub mod diff;
pub mod json;
pub mod sites;
pub mod text;
