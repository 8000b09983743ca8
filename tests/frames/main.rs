//! What every screen looks like: text and styles, at the sizes that people have.

mod backups;
mod configuration;
mod events;
mod forwards;
mod help;
mod instances;
mod logs;
mod main_screen;
mod metrics;
mod nodes;
mod notices;
mod orchestrated;
mod overlays;
mod picture;
mod release;
mod rollouts;
#[path = "../support/world.rs"]
mod world;
