//! Restart, stop and start.
