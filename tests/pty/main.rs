//! The real binary in a pseudo-terminal: what it paints, and that it leaves the terminal as it found it.

#[path = "../support/terminal.rs"]
mod terminal;

mod commands;
mod console;
mod harness;
