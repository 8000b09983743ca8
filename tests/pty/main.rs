//! The real binary in a pseudo-terminal: what it paints, and that it leaves the terminal as it found it.

#[path = "../support/killer.rs"]
mod killer;
#[path = "../support/kubectl.rs"]
mod kubectl;
#[path = "../support/terminal.rs"]
mod terminal;

mod bad_days;
mod commands;
mod console;
mod crashes;
mod docker;
mod harness;
mod kubernetes;
mod lab;
