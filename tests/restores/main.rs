//! Backups and restores as a person runs them: the program itself, on a real engine, killed at every step.

mod commands;
#[path = "../support/home.rs"]
mod home;
mod killed;
#[path = "../support/kubectl.rs"]
mod kubectl;
mod shop;
mod velero;
