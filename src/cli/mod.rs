//! The same things as commands, for scripts.
