//! Keeps what the app wants of the outside running, and carries its effects out.

pub mod channels;
pub mod connections;
pub mod follow;
