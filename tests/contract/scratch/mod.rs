//! Scratch instances on real engines: all that a program needs, none of its data, and nobody beside it.

mod docker;
mod kubernetes;
