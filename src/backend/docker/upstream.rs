//! nginx in front of a service: what sends to it is found (`survey`), an `upstream` block is rewritten (`shift`), and where that cannot be
//! done, nginx is told to look up the service's names anew (`reload`).

mod blocks;
mod names;
mod proxy;
mod reload;
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

/// As container runtimes say it of a program.
fn is_missing(message: &str) -> bool {
    message.contains("executable file not found") || message.contains("no such file or directory")
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
