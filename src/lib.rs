//! dally.
