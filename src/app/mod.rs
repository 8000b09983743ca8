//! State and meaning of the screens. Decides; does not wait, draw or do I/O.
