//! Carries a plan out on paper: told what happened, it says what is next. Pure.
