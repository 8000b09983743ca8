//! Rollouts as a person runs them: the program itself, on real engines, with a steady load on the service all the while. What it must
//! show: no request fails, a bad release goes back by itself, and whatever is cut off converges.

mod bad;
mod crashes;
mod docker;
mod good;
#[path = "../support/home.rs"]
mod home;
mod in_place;
#[path = "../support/kubectl.rs"]
mod kubectl;
mod kubernetes;
mod load;
mod stand;
mod way;
