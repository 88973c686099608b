//! dally makes Python imports lazy ahead of time.
//!
//! roots → discover → files → parse and facts (parallel) → link → decide → rewrite (parallel) → verify → write.

pub mod baseline;
pub mod cache;
pub mod cli;
pub mod config;
pub mod decide;
pub mod discover;
pub(crate) mod dotted;
pub mod facts;
pub mod packages;
pub mod program;
pub mod report;
pub mod revert;
pub mod rewrite;
pub mod run;
pub mod runtime;
pub mod source;
pub mod verify;
pub(crate) mod wire;
pub mod write;
