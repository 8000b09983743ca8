//! What is remembered, bounded. Pure: told what came, asked what to show.

pub mod log;
pub mod series;
