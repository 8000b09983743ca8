//! midwatch: a terminal operations console for the engineer on call. `ARCHITECTURE.md` says what lives on which floor.

pub mod action;
pub mod app;
pub mod backend;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod domain;
pub mod effects;
pub mod event_loop;
pub mod message;
pub mod own_log;
pub mod plan;
pub mod repository;
pub mod runtime;
pub mod setup;
pub mod shell;
pub mod store;
pub mod terminal;
pub mod ui;

// What tests are built from is written once, for those in here and those in tests/.
#[cfg(test)]
extern crate self as midwatch;
#[cfg(test)]
#[path = "../tests/support/world.rs"]
mod testing;
