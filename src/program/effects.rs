//! Effects (being written).
