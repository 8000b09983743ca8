//! Values as a scenario writes them: `"-3m"`, `"250ms"`, `"128Mi"`, `"500m"`, `"80->8080"`, `"db: healthy"`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de::Error};

use crate::domain::{Capability, Dependency, Mount, OwnerTool, Port, text, units};

/// A length of time; before something, if it is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Nothing, if it is negative.
    pub fn length(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    pub fn after(self, time: Timestamp) -> Timestamp {
        later(time, self.0)
    }

    pub fn before(self, time: Timestamp) -> Timestamp {
        later(time, -self.0)
    }
}

/// `nanos` after `time`, or before it if negative.
pub fn later(time: Timestamp, nanos: i64) -> Timestamp {
    time.saturating_add(SignedDuration::from_nanos(nanos)).unwrap_or(Timestamp::MAX)
}

/// From `from` to `to`; negative the other way round.
pub fn nanos_between(from: Timestamp, to: Timestamp) -> i64 {
    i64::try_from(to.duration_since(from).as_nanos()).unwrap_or(i64::MAX)
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_span(&text).map_err(D::Error::custom)
    }
}

fn parse_span(text: &str) -> Result<Span, String> {
    let (sign, length) = text.strip_prefix('-').map_or((1, text), |length| (-1, length));
    if let Some(number) = length.strip_suffix("ms") {
        let ms: u32 =
            number.parse().map_err(|_| format!("'{text}' is not a length of time: write 250ms, 90s or 15m"))?;
        return Ok(Span(sign * i64::from(ms) * 1_000_000));
    }
    // A hundred years are enough, and every sum of them stays within what a timestamp can hold.
    const LONGEST: u64 = 100 * 366 * 86_400;
    let seconds = units::parse_duration(length)?.as_secs().min(LONGEST);
    Ok(Span(sign * i64::try_from(seconds).unwrap_or(0) * 1_000_000_000))
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Amount::deserialize(deserializer).map(|Amount(bytes)| Self(bytes as u64))
    }
}

/// Thousandths of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millicores(pub u64);

impl<'de> Deserialize<'de> for Millicores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let milli = match text.strip_suffix('m') {
            Some(milli) => milli.parse::<f64>(),
            None => text.parse::<f64>().map(|cores| cores * 1000.0),
        };
        let wrong = |_| D::Error::custom(format!("'{text}' is not an amount of CPU: write 500m or 2"));
        milli.map(|milli| Self(milli.max(0.0) as u64)).map_err(wrong)
    }
}

/// A number, with or without a unit of 1,024: `2.5`, `"88Mi"`. Also `"120m"`, which is just 120: CPU is counted in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Amount(pub f64);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number, or a size such as \"88Mi\"")]
enum Written {
    Whole(i64),
    Broken(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = match Written::deserialize(deserializer)? {
            Written::Whole(number) => number as f64,
            Written::Broken(number) => number,
            Written::Text(text) => parse_amount(&text).map_err(D::Error::custom)?,
        };
        if number.is_finite() && number >= 0.0 {
            Ok(Self(number))
        } else {
            Err(D::Error::custom(format!("{number} is less than nothing, or not a number")))
        }
    }
}

fn parse_amount(text: &str) -> Result<f64, String> {
    const UNITS: [(&str, f64); 6] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("m", 1.0),
        ("", 1.0),
    ];
    let (unit, factor) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit)).unwrap_or(("", 1.0));
    let number = text.strip_suffix(unit).unwrap_or(text).trim();
    let number: f64 = number.parse().map_err(|_| format!("'{text}' is not an amount: write 300, 310Mi or 1.2Gi"))?;
    Ok(number * factor)
}

/// A value of the domain that is written as one short text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Brief<T>(pub T);

pub trait Notation: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl<'de, T: Notation> Deserialize<'de> for Brief<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::read(&text).map(Self).map_err(D::Error::custom)
    }
}

impl Notation for Port {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a port: write 8080, 80->8080, 127.0.0.1:5432->5432 or 53/udp");
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (outside, inside) =
            ports.split_once("->").map_or((None, ports), |(outside, inside)| (Some(outside), inside));
        let published = match outside {
            None => None,
            Some(outside) => {
                let (host, port) = outside.rsplit_once(':').unwrap_or(("0.0.0.0", outside));
                Some((host.into(), port.parse().map_err(|_| wrong())?))
            }
        };
        Ok(Self { inside: inside.parse().map_err(|_| wrong())?, protocol: protocol.into(), published })
    }
}

impl Notation for Dependency {
    fn read(text: &str) -> Result<Self, String> {
        const CONDITIONS: [&str; 3] = ["started", "healthy", "completed"];
        let (service, condition) = text.split_once(':').unwrap_or((text, "started"));
        let (service, condition) = (service.trim(), condition.trim());
        if !CONDITIONS.contains(&condition) {
            return Err(format!("'{condition}' is not a condition: one of {}", CONDITIONS.join(", ")));
        }
        Ok(Self { service: service.into(), condition: condition.into() })
    }
}

impl Notation for Mount {
    fn read(text: &str) -> Result<Self, String> {
        let (text, read_only) = text.strip_suffix(":ro").map_or((text, false), |text| (text, true));
        let (source, target) = text
            .split_once(':')
            .ok_or_else(|| format!("'{text}' is not a mount: write data:/var/lib/data or /etc/app:/etc/app:ro"))?;
        let kind = if source.starts_with('/') { "bind" } else { "volume" };
        Ok(Self { kind: kind.into(), source: source.into(), target: target.into(), read_only })
    }
}

impl Notation for Capability {
    fn read(typed: &str) -> Result<Self, String> {
        const NAMES: [(&str, Capability); 7] = [
            ("logs", Capability::Logs),
            ("metrics", Capability::Metrics),
            ("shell", Capability::Shell),
            ("processes", Capability::Processes),
            ("restart", Capability::Restart),
            ("stop_and_start", Capability::StopAndStart),
            ("releases", Capability::Releases),
        ];
        let names = || NAMES.into_iter().map(|(name, _)| name);
        let found = NAMES.into_iter().find(|(name, _)| *name == typed).map(|(_, capability)| capability);
        found.ok_or_else(|| match text::nearest(typed, names()) {
            Some(near) => format!("'{typed}' is not a capability: did you mean '{near}'?"),
            None => format!("'{typed}' is not a capability: one of {}", names().collect::<Vec<_>>().join(", ")),
        })
    }
}

impl Notation for OwnerTool {
    fn read(typed: &str) -> Result<Self, String> {
        match typed {
            "helm" => Ok(Self::Helm),
            "argo_cd" => Ok(Self::ArgoCd),
            "flux" => Ok(Self::Flux),
            _ => Err(format!("'{typed}' owns nothing: one of helm, argo_cd, flux")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_may_be_before_something_and_in_milliseconds() {
        assert_eq!(parse_span("-3m"), Ok(Span::seconds(-180)));
        assert_eq!(parse_span("250ms"), Ok(Span(250_000_000)));
        assert_eq!(parse_span("1h30m"), Ok(Span::seconds(5400)));
        for wrong in ["", "-", "3 minutes", "ms", "--3m"] {
            assert!(parse_span(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_port_is_written_as_it_is_shown() {
        for text in ["8080", "80->8080", "127.0.0.1:5432->5432", "53/udp"] {
            assert_eq!(Port::read(text).map(|port| port.to_string()), Ok(text.to_owned()));
        }
        assert!(Port::read("http").is_err());
    }

    #[test]
    fn an_amount_knows_the_units_that_the_screens_show() {
        assert_eq!(parse_amount("310Mi"), Ok(310.0 * 1_048_576.0));
        assert_eq!(parse_amount("1.5Gi"), Ok(1.5 * 1_073_741_824.0));
        assert_eq!(parse_amount("120m"), Ok(120.0));
        assert!(parse_amount("much").is_err());
    }
}
