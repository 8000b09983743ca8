//! An engine made of TOML and arithmetic: for the demo, for virtual time, and for faults that a real engine cannot be made to show.
