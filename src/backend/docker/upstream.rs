//! nginx in front of a service: the `upstream` blocks that send to it are found (`survey`), and one of them is rewritten (`shift`).

mod blocks;
mod proxy;
mod script;
mod shift;
mod survey;
mod words;

use std::time::Duration;

use crate::domain::text::{clean, shorten};

pub use self::{shift::shift, survey::survey};

/// For what is run inside a proxy: a test of a configuration resolves names, which may take its time.
const WITHIN: Duration = Duration::from_secs(30);

/// What nginx complains of first is why; that its test failed comes after it.
fn first_words(said: &str) -> String {
    let grave = said.lines().find(|line| ["[emerg]", "[crit]", "[error]"].iter().any(|level| line.contains(level)));
    let line = grave.or_else(|| said.lines().find(|line| !line.trim().is_empty())).unwrap_or("it does not say why");
    shorten(&clean(line.trim()), 300).into_owned()
}

fn last_words(said: &str) -> String {
    let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    shorten(&clean(line.trim()), 300).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_is_quoted_with_what_it_complains_of_first() {
        let said = "nginx: [warn] a\nnginx: [emerg] host not found in upstream \"x:80\" in /etc/a:2\nnginx: configuration file test failed";
        assert_eq!(first_words(said), "nginx: [emerg] host not found in upstream \"x:80\" in /etc/a:2");
        assert_eq!(first_words("\n"), "it does not say why");
    }
}
