//! How much the console's own log says, as a person writes it: `info`, `debug`, `warn,midwatch::runtime=trace`.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;

/// Other crates never say more than this, whatever is asked: at `debug` some log whole answers of an engine, with the secrets in them.
const MOST_OF_OTHERS: LevelFilter = LevelFilter::INFO;
/// kube quotes whole answers in its warnings. What it has to tell comes back as an error, which is logged in our own words.
const SILENT: [&str; 2] = ["kube_client", "kube_core"];
const OWN: &str = "midwatch";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    /// Beginnings of module paths; the longest that fits counts.
    pub targets: Vec<(String, LevelFilter)>,
    /// For whatever none of the targets fits.
    pub others: LevelFilter,
}

impl LogFilter {
    fn new(level: LevelFilter, named: Vec<(String, LevelFilter)>) -> Self {
        let mut targets = vec![(OWN.to_owned(), level)];
        targets.extend(SILENT.map(|target| (target.to_owned(), LevelFilter::OFF)));
        let others = named.into_iter().filter(|(target, _)| !is_silent(target));
        targets.extend(others.map(|(target, level)| {
            let most = if is_within(&target, OWN) { level } else { level.min(MOST_OF_OTHERS) };
            (target, most)
        }));
        Self { targets, others: level.min(MOST_OF_OTHERS) }
    }
}

fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_silent(target: &str) -> bool {
    SILENT.iter().any(|silent| target.starts_with(silent))
}

impl Default for LogFilter {
    fn default() -> Self {
        Self::new(LevelFilter::INFO, Vec::new())
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = |word: &str| match word {
            "off" => Ok(LevelFilter::OFF),
            "error" => Ok(LevelFilter::ERROR),
            "warn" => Ok(LevelFilter::WARN),
            "info" => Ok(LevelFilter::INFO),
            "debug" => Ok(LevelFilter::DEBUG),
            "trace" => Ok(LevelFilter::TRACE),
            _ => Err(format!(
                "'{word}' is not a level: write off, error, warn, info, debug, trace or midwatch::app=debug"
            )),
        };
        let mut default = LevelFilter::INFO;
        let mut named = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((target, word)) => named.push((target.trim().to_owned(), level(word.trim())?)),
                None => default = level(part)?,
            }
        }
        Ok(Self::new(default, named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_the_console_and_others_stay_below_debug() {
        let filter: LogFilter = "trace".parse().unwrap();
        assert_eq!(filter.targets[0], ("midwatch".to_owned(), LevelFilter::TRACE));
        assert_eq!(filter.others, LevelFilter::INFO);
    }

    #[test]
    fn a_crate_that_logs_secrets_cannot_be_made_to_even_by_name() {
        let filter: LogFilter = "warn, bollard=debug, hyper::client=trace, midwatchful=debug".parse().unwrap();
        assert!(filter.targets.iter().skip(1).all(|(_, level)| *level <= LevelFilter::INFO), "{filter:?}");
        assert_eq!(filter.others, LevelFilter::WARN);
    }

    #[test]
    fn a_crate_that_warns_with_whole_answers_says_nothing_whatever_is_asked() {
        let filter: LogFilter = "trace,kube_client=warn,kube_client::client=trace,kube=warn".parse().unwrap();
        let of_kube: Vec<_> = filter.targets.iter().filter(|(target, _)| target.starts_with("kube_")).collect();
        assert_eq!(of_kube.len(), SILENT.len(), "{filter:?}");
        assert!(of_kube.iter().all(|(_, level)| *level == LevelFilter::OFF), "{filter:?}");
    }

    #[test]
    fn a_mistyped_level_is_refused() {
        for wrong in ["", "infoo", "midwatch=loud", "info,,warn"] {
            assert!(wrong.parse::<LogFilter>().is_err(), "{wrong:?}");
        }
    }
}
