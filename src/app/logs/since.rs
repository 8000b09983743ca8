//! What a person types to read from another time on.

use jiff::{Timestamp, ToSpan, Unit, civil::Time, tz::TimeZone};

use crate::{domain::units, message::Since};

/// `all`, a length of time (`5m`, `1h30m`), a time of day in UTC (`14:30`, the last one that has been), or a full RFC 3339 time.
pub fn parse(text: &str, now: Timestamp) -> Result<Since, String> {
    let text = text.trim();
    if matches!(text, "all" | "*") {
        return Ok(Since::Beginning);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Since::Time(time));
    }
    if let Some(time) = time_of_day(text) {
        let today = now.to_zoned(TimeZone::UTC).with().time(time).build().map_err(|error| error.to_string())?;
        let last = if today.timestamp() > now {
            today.checked_sub(1.day()).map_err(|error| error.to_string())?
        } else {
            today
        };
        return Ok(Since::Time(last.timestamp()));
    }
    match units::parse_duration(text) {
        Ok(ago) => Ok(Since::Time(now.checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH))),
        Err(_) => Err(format!("'{text}' is not a time: write 5m, 1h, 14:30 or all")),
    }
}

/// As it is shown in the title.
pub fn describe(since: Since) -> String {
    match since {
        Since::Lines(lines) => format!("last {} lines", units::count(lines.into())),
        Since::Beginning => "all".into(),
        Since::Time(time) => {
            let time = time.round(Unit::Second).unwrap_or(time);
            time.strftime("%Y-%m-%d %H:%M:%S").to_string()
        }
    }
}

fn time_of_day(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let mut number = || parts.next().map(str::parse::<i8>);
    let (hour, minute, second) = (number()?.ok()?, number()?.ok()?, number().unwrap_or(Ok(0)).ok()?);
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_can_be_typed_in_many_ways() {
        let now: Timestamp = "2026-11-21T02:41:07Z".parse().expect("a time");
        let time = |text: &str| match parse(text, now) {
            Ok(Since::Time(time)) => time.to_string(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(time("5m"), "2026-11-21T02:36:07Z");
        assert_eq!(time(" 1h30m "), "2026-11-21T01:11:07Z");
        assert_eq!(time("02:30"), "2026-11-21T02:30:00Z");
        assert_eq!(time("14:30"), "2026-11-20T14:30:00Z");
        assert_eq!(time("14:30:15"), "2026-11-20T14:30:15Z");
        assert_eq!(time("2026-11-01T00:00:00+01:00"), "2026-10-31T23:00:00Z");
        assert_eq!(parse("all", now), Ok(Since::Beginning));
        for wrong in ["", "yesterday", "25:00", "1:2:3:4", "99999999999999999d"] {
            assert!(parse(wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn where_a_tail_begins_is_told_shortly() {
        assert_eq!(describe(Since::Lines(1000)), "last 1,000 lines");
        assert_eq!(describe(Since::Time(Timestamp::UNIX_EPOCH)), "1970-01-01 00:00:00");
    }
}
