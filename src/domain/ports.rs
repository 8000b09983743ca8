//! What a person types to have a port of this machine go to one of a service: `8080`, or `9000:8080`.

use std::{fmt, str::FromStr};

/// Below this a program needs a right that most do not have.
const FIRST_FREE: u16 = 1024;
/// Added to a port below it, so that `80` is found at `8080`.
const ASIDE: u16 = 8000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Of this machine; one that is likely to be free where nothing is said.
    pub local: Option<u16>,
    pub remote: u16,
}

impl Ports {
    /// The port of this machine: as typed, else the same one where that needs no special right, else the next that is not `taken`.
    pub fn local(self, taken: impl Fn(u16) -> bool) -> u16 {
        self.local.unwrap_or_else(|| {
            let first = if self.remote < FIRST_FREE { self.remote + ASIDE } else { self.remote };
            (first..=u16::MAX).chain(FIRST_FREE..first).find(|port| !taken(*port)).unwrap_or(first)
        })
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().split_once(':') {
            Some((local, remote)) => Ok(Self { local: Some(port(local)?), remote: port(remote)? }),
            None => Ok(Self { local: None, remote: port(text)? }),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(local) = self.local {
            write!(f, "{local}:")?;
        }
        write!(f, "{}", self.remote)
    }
}

fn port(text: &str) -> Result<u16, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a port is missing: write 8080, or 9000:8080".into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("'{text}' is not a port: write 8080, or 9000:8080"));
    }
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => Err(format!("{text} is not a port: they go from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_is_the_services_and_the_one_before_it_is_ours() {
        assert_eq!("8080".parse(), Ok(Ports { local: None, remote: 8080 }));
        assert_eq!(" 9000:80 ".parse(), Ok(Ports { local: Some(9000), remote: 80 }));
    }

    #[test]
    fn what_is_not_a_port_is_told_in_words() {
        for (typed, says) in [
            ("", "a port is missing"),
            ("9000:", "a port is missing"),
            ("http", "'http' is not a port"),
            ("+80", "'+80' is not a port"),
            ("0", "from 1 to 65535"),
            ("70000", "from 1 to 65535"),
            ("1:2:3", "'2:3' is not a port"),
        ] {
            let error = typed.parse::<Ports>().expect_err(typed);
            assert!(error.contains(says), "{typed}: {error}");
        }
    }

    #[test]
    fn the_port_here_is_the_same_where_anybody_may_have_it_and_never_one_that_is_taken() {
        let local = |remote, taken: &[u16]| Ports { local: None, remote }.local(|port| taken.contains(&port));
        assert_eq!(local(8080, &[]), 8080);
        assert_eq!(local(8080, &[8080, 8081]), 8082);
        assert_eq!((local(80, &[]), local(443, &[])), (8080, 8443));
        assert_eq!(local(65535, &[65535]), 1024);
        assert_eq!(Ports { local: Some(80), remote: 8080 }.local(|_| true), 80, "what was typed is meant");
    }
}
