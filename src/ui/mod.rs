//! The picture of the app, and the keys it was given.

pub mod keys;
pub mod theme;
