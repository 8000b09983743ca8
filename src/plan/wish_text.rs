//! A wish in a person's short words, as forms and commands take them: `http 8080/health 200 500ms x3`, `10% 30s`, `MODE=slow`.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use super::wish::{Gate, HttpGate, Limit, OnFailure, PrometheusGate, Strategy, Then, Weight};
use crate::domain::{WebAddress, secret, text, units};

/// One of each, for a help text.
pub const GATES: [&str; 5] = [
    "health 30",
    "http 8080/health 200 500ms x3 with TEXT",
    "errors 200% 60s of 20",
    "prometheus URL QUERY <=0.01 60s",
    "person TEXT",
];

/// A variable that a release has otherwise than the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvEdit {
    /// Empty where none was named: the only one.
    pub container: Arc<str>,
    pub name: Arc<str>,
    /// `None` takes it away.
    pub value: Option<Arc<str>>,
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let typed = typed.trim();
        let (word, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        let rest = rest.trim();
        match word {
            "health" if rest.is_empty() => Ok(Self::Health { seconds: 30 }),
            "health" => Ok(Self::Health { seconds: seconds(rest)? }),
            "http" => http(rest).map(Self::Http),
            "errors" => errors(rest),
            "prometheus" => prometheus(rest).map(Self::Prometheus),
            "person" => {
                let says = if rest.is_empty() { "a person looks at it" } else { rest };
                Ok(Self::Person { says: text::clean(says).into() })
            }
            "" => Err("say what is looked at: health, http, errors, prometheus or person".into()),
            other => {
                let known = ["health", "http", "errors", "prometheus", "person"];
                let meant = text::nearest(other, known).map_or_else(
                    || "write health, http, errors, prometheus or person".to_owned(),
                    |near| format!("did you mean '{near}'?"),
                );
                Err(format!("there is no gate '{other}': {meant}"))
            }
        }
    }
}

/// `8080/health 200 500ms x3 with ok`: all but the first may be left out.
fn http(rest: &str) -> Result<HttpGate, String> {
    const HELP: &str = "write http 8080/health 200 500ms x3 with TEXT";
    let (words, body) = match rest.split_once(" with ") {
        Some((words, body)) if !body.trim().is_empty() => (words, Some(body.trim().into())),
        Some(_) => return Err(format!("'with' what? {HELP}")),
        None => (rest, None),
    };
    let mut words = words.split_whitespace();
    let at = words.next().ok_or_else(|| format!("say where it asks: {HELP}"))?;
    is_place(at)?;
    let mut gate = HttpGate { at: at.into(), status: 200, body, within: 1000, times: 3 };
    for word in words {
        if let Some(times) = word.strip_prefix('x') {
            gate.times = match times.parse() {
                Ok(times @ 1..=1000) => times,
                Ok(_) | Err(_) => return Err(format!("'{word}' is not a number of answers: write x3")),
            };
        } else if let Ok(status) = word.parse::<u16>() {
            if !(100..=599).contains(&status) {
                return Err(format!("{status} is not a status of HTTP: 100 to 599"));
            }
            gate.status = status;
        } else {
            gate.within = milliseconds(word).ok_or_else(|| format!("'{word}' does not belong here: {HELP}"))?;
        }
    }
    Ok(gate)
}

/// A plan is written down and shown to everybody: what may hold a password is neither taken nor repeated.
fn is_place(at: &str) -> Result<(), String> {
    if at.contains("://") {
        return WebAddress::of(at).map(|_| ());
    }
    let port = at.split_once('/').map_or(at, |(port, _)| port);
    if port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Ok(());
    }
    let typed = if at.contains('@') { "that".to_owned() } else { format!("'{at}'") };
    Err(format!("{typed} is neither a port and a path (8080/health) nor an http:// or https:// URL"))
}

/// `200% 60s of 20`
fn errors(rest: &str) -> Result<Gate, String> {
    const HELP: &str = "write errors 200% 60s of 20: twice the old part, over a minute, of at least 20 lines";
    let (mut percent, mut over, mut at_least) = (200, 60, 20);
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        if let Some(number) = word.strip_suffix('%') {
            percent = number.parse().map_err(|_| format!("'{word}' is not a part: {HELP}"))?;
        } else if word == "of" {
            let lines = words.next().and_then(|word| word.parse().ok());
            at_least = lines.ok_or_else(|| format!("'of' how many lines? {HELP}"))?;
        } else {
            over = seconds(word).map_err(|_| format!("'{word}' does not belong here: {HELP}"))?;
        }
    }
    if over == 0 {
        return Err("0 s of log tell nothing".into());
    }
    Ok(Gate::Errors { percent, at_least, seconds: over })
}

/// `URL QUERY <=0.01 60s`. The query may have blanks and comparisons of its own: the last comparison is the limit.
fn prometheus(rest: &str) -> Result<PrometheusGate, String> {
    const HELP: &str = "write prometheus http://prometheus:9090 QUERY <=0.01 60s";
    let (url, rest) = rest.split_once(char::is_whitespace).ok_or(HELP)?;
    WebAddress::of(url).map_err(|why| format!("{why}: {HELP}"))?;
    let place = rest.rfind("<=").max(rest.rfind(">=")).ok_or_else(|| format!("it needs a limit: {HELP}"))?;
    let (query, limit) = (rest[..place].trim(), &rest[place..]);
    if query.is_empty() {
        return Err(format!("it needs a query: {HELP}"));
    }
    let mut words = limit[2..].split_whitespace();
    let number = words.next().ok_or_else(|| format!("it needs a number after {}: {HELP}", &limit[..2]))?;
    let value = thousandths(number).ok_or_else(|| format!("'{number}' is not a number: {HELP}"))?;
    let over = words.next().map_or(Ok(60), seconds)?;
    if let Some(word) = words.next() {
        return Err(format!("'{word}' does not belong here: {HELP}"));
    }
    let limit = if limit.starts_with('<') { Limit::AtMost(value) } else { Limit::AtLeast(value) };
    Ok(PrometheusGate { url: url.into(), query: query.into(), limit, seconds: over })
}

impl FromStr for Weight {
    type Err = String;

    /// `10% 30s`, `50% ask`, `25%`
    fn from_str(typed: &str) -> Result<Self, String> {
        let complain = || format!("'{}' is not a weight: write 10% 30s, or 50% ask", typed.trim());
        let mut words = typed.split_whitespace();
        let percent = words.next().and_then(|word| word.strip_suffix('%')).ok_or_else(complain)?;
        let percent = match percent.parse() {
            Ok(percent @ 1..=100) => percent,
            Ok(_) | Err(_) => return Err(format!("{percent}% is not a part: 1% to 100%")),
        };
        let then = match words.next() {
            None => Then::Watch(30),
            Some("ask") => Then::Ask,
            Some(word) => Then::Watch(seconds(word).map_err(|_| complain())?),
        };
        if words.next().is_some() {
            return Err(complain());
        }
        Ok(Self { percent, then })
    }
}

/// As it would be typed.
impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.then {
            Then::Watch(seconds) => write!(f, "{}% {seconds}s", self.percent),
            Then::Ask => write!(f, "{}% ask", self.percent),
        }
    }
}

/// `10% 30s, 50% ask`: each more than the one before.
pub fn parse_weights(typed: &str) -> Result<Vec<Weight>, String> {
    let weights: Vec<Weight> = typed.split(',').map(str::parse).collect::<Result<_, _>>()?;
    match weights.windows(2).find(|pair| pair[0].percent >= pair[1].percent) {
        Some(pair) => Err(format!("after {}% comes more, not {}%", pair[0].percent, pair[1].percent)),
        None => Ok(weights),
    }
}

/// `NAME=value` sets a variable, `NAME-` takes it away; `CONTAINER:NAME=value` where there is more than one container. What is called
/// like a secret is refused: a plan is written down, and shown to everybody.
pub fn parse_env(typed: &str) -> Result<EnvEdit, String> {
    let typed = typed.trim();
    let (name, value) = match typed.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => match typed.strip_suffix('-') {
            Some(name) => (name, None),
            None => return Err(format!("'{typed}' is not a variable: write NAME=value, or NAME- to take it away")),
        },
    };
    let (container, name) = name.split_once(':').unwrap_or(("", name));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Err(format!("'{name}' is not a variable's name: letters, digits and _"));
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("'{name}' is not a variable's name: it begins with a digit"));
    }
    if let Some(value) = value {
        if secret::is_secret_key(name) && !secret::is_harmless(name, value) {
            return Err(format!(
                "{name} looks like a secret, and a plan is written down: set it where secrets are kept"
            ));
        }
        if value.chars().any(text::is_hostile) {
            return Err(format!("the value of {name} holds a character that cannot be shown"));
        }
    }
    Ok(EnvEdit { container: container.into(), name: name.into(), value: value.map(Into::into) })
}

/// The strategy of that name, with its usual parameters.
impl FromStr for Strategy {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        match typed.trim() {
            "rolling" => Ok(Self::Rolling(super::wish::Rolling::default())),
            "canary" => Ok(Self::Canary(super::wish::Canary::default())),
            "blue-green" | "bluegreen" => Ok(Self::BlueGreen(super::wish::BlueGreen::default())),
            other => Err(format!("there is no strategy '{other}': rolling, canary or blue-green")),
        }
    }
}

impl OnFailure {
    pub fn word(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Ask => "ask",
        }
    }
}

impl FromStr for OnFailure {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        match typed.trim() {
            "undo" => Ok(Self::Undo),
            "ask" => Ok(Self::Ask),
            other => Err(format!("'{other}' is not what happens on failure: undo or ask")),
        }
    }
}

/// `30`, `30s`, `5m`
pub fn seconds(typed: &str) -> Result<u32, String> {
    let duration = units::parse_duration(typed)?;
    u32::try_from(duration.as_secs()).map_err(|_| format!("'{}' is too long", typed.trim()))
}

/// `500ms`, `2s`
fn milliseconds(typed: &str) -> Option<u32> {
    let whole = match typed.strip_suffix("ms") {
        Some(number) => Duration::from_millis(number.parse().ok()?),
        None if typed.ends_with(|c: char| c.is_ascii_digit()) => return None,
        None => units::parse_duration(typed).ok()?,
    };
    u32::try_from(whole.as_millis()).ok().filter(|&whole| whole > 0)
}

/// `0.01` -> 10
fn thousandths(typed: &str) -> Option<i64> {
    let value: f64 = typed.parse().ok()?;
    // Far below where a float no longer holds every whole number.
    (value.is_finite() && value.abs() < 1e12).then(|| (value * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(typed: &str) -> Gate {
        typed.parse().unwrap_or_else(|why| panic!("{typed}: {why}"))
    }

    fn refused(typed: &str) -> String {
        typed.parse::<Gate>().expect_err(typed)
    }

    #[test]
    fn a_gate_reads_as_it_is_written() {
        assert_eq!(gate("health 2m"), Gate::Health { seconds: 120 });
        assert_eq!(gate("errors 150% 90s of 50"), Gate::Errors { percent: 150, at_least: 50, seconds: 90 });
        assert_eq!(gate("person ann has looked at it"), Gate::Person { says: "ann has looked at it".into() });
        let says = gate("http 8080/health 204 500ms x5 with all is well").title();
        assert_eq!(says, "8080/health answers 204 with 'all is well' within 500 ms, 5 times");
        let says = gate(r#"prometheus http://prom:9090 sum(rate(x{le>="1"}[1m])) / 5 <= 0.015 90s"#).title();
        assert_eq!(says, r#"sum(rate(x{le>="1"}[1m])) / 5 is at most 0.015"#);
    }

    #[test]
    fn what_a_gate_leaves_out_has_a_usual_value() {
        assert_eq!(gate("health"), gate("health 30"));
        assert_eq!(gate("http 80"), gate("http 80 200 1s x3"));
        assert_eq!(gate("errors"), gate("errors 200% 60s of 20"));
        assert_eq!(gate("prometheus http://p up>=1"), gate("prometheus http://p up >=1 60s"));
    }

    #[test]
    fn a_gate_that_cannot_be_read_says_what_is_wrong_with_it() {
        assert_eq!(refused("helth 30"), "there is no gate 'helth': did you mean 'health'?");
        assert_eq!(refused("health soon"), "'soon' is not a length of time: write 90s, 15m, 2h or 1d");
        assert_eq!(
            refused("http /health"),
            "'/health' is neither a port and a path (8080/health) nor an http:// or https:// URL"
        );
        assert_eq!(refused("http 80 999"), "999 is not a status of HTTP: 100 to 599");
        assert_eq!(refused("http 80 x0"), "'x0' is not a number of answers: write x3");
        assert!(refused("prometheus http://p up").starts_with("it needs a limit"));
        assert!(refused("prometheus http://p up <=").starts_with("it needs a number after <="));
        assert!(refused("prometheus p up <=1").starts_with("that is not asked: only http:// and https:// are"));
        assert!(refused("").starts_with("say what is looked at"));
    }

    #[test]
    fn a_password_in_a_url_is_neither_taken_nor_repeated() {
        for typed in [
            "http http://ann:secret@shop/health",
            "http https://ann:secret@shop",
            "http ann:secret@shop/health",
            "http http://ann:secret@sh<op/health",
            "prometheus http://ann:secret@prom:9090 up >=1",
            "prometheus ann:secret@prom up >=1",
        ] {
            let why = refused(typed);
            assert!(!why.contains("secret"), "{typed}: {why}");
        }
    }

    #[test]
    fn what_the_help_shows_of_each_gate_can_be_typed() {
        for example in GATES {
            gate(&example.replace("URL", "http://prometheus:9090"));
        }
    }

    #[test]
    fn weights_rise_and_are_written_as_they_are_read() {
        let weights = parse_weights("10% 30s, 50% ask, 75%").expect("good weights");
        let written: Vec<_> = weights.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["10% 30s", "50% ask", "75% 30s"]);
        assert_eq!(parse_weights("50%, 20%"), Err("after 50% comes more, not 20%".into()));
        assert_eq!(parse_weights("0%"), Err("0% is not a part: 1% to 100%".into()));
        assert_eq!(parse_weights("10"), Err("'10' is not a weight: write 10% 30s, or 50% ask".into()));
        assert!(parse_weights("").is_err());
    }

    #[test]
    fn variables_are_set_taken_away_and_never_secret() {
        let edit = |container: &str, name: &str, value: Option<&str>| {
            Ok(EnvEdit { container: container.into(), name: name.into(), value: value.map(Into::into) })
        };
        assert_eq!(parse_env("MODE=a=b"), edit("", "MODE", Some("a=b")));
        assert_eq!(parse_env("MODE-"), edit("", "MODE", None));
        assert_eq!(parse_env("web:MODE="), edit("web", "MODE", Some("")));
        assert_eq!(parse_env("DB_PASSWORD-"), edit("", "DB_PASSWORD", None));
        assert!(parse_env("DB_PASSWORD=hunter2").is_err_and(|why| why.contains("looks like a secret")));
        assert!(parse_env("MODE").is_err_and(|why| why.contains("write NAME=value")));
        assert!(parse_env("9=1").is_err_and(|why| why.contains("begins with a digit")));
        assert!(parse_env("A=\u{1b}[2J").is_err_and(|why| why.contains("cannot be shown")));
    }
}
