//! Routes keys, events and frames. Holds no logic of its own.
