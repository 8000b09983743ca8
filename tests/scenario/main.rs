//! The runtime on the simulator, on paused time: minutes of trouble in milliseconds.

mod answers;
mod links;
mod logs;
mod orders;
mod rollouts;
mod scenarios;
mod steps;
mod streams;
#[path = "../support/mod.rs"]
mod support;
