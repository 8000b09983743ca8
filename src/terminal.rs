//! The terminal: entered, left whatever happens, written to sparingly.
