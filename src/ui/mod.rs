//! The picture of the app, and the keys it was given.
