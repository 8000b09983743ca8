//! The same things as commands, for scripts.

pub mod operate;
