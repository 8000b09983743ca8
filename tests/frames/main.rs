//! What every screen looks like: text and styles, at the sizes that people have.

mod configuration;
mod events;
mod help;
mod instances;
mod logs;
mod main_screen;
mod metrics;
mod notices;
mod overlays;
mod picture;
#[path = "../support/world.rs"]
mod world;
