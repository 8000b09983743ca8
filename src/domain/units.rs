//! Sizes, shares, ages and rates as people read them: at most five columns, so that a list can line them up.

use std::time::Duration;

use jiff::Timestamp;

/// `0B`, `999B`, `1.2Ki`, `310Mi`, `1.2Gi`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut value = bytes as f64;
    let mut unit = 0;
    // 999.5 and more would round to four digits.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit > 0 && value < 9.95 { format!("{value:.1}{}", UNITS[unit]) } else { format!("{value:.0}{}", UNITS[unit]) }
}

/// Thousandths of a core: `0m`, `210m`, `1.5`, `12`, as Kubernetes writes them.
pub fn cpu(milli: u64) -> String {
    match milli {
        0..1000 => format!("{milli}m"),
        1000..10_000 => format!("{:.1}", milli as f64 / 1000.0),
        _ => format!("{}", milli / 1000),
    }
}

/// Seconds that passed, in the one or two units that matter: `0s`, `40s`, `3m`, `2h10m`, `9d`. Seconds go by tens, so that a list of
/// young things does not change all the time.
pub fn age(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        s if s < 2 * MINUTE => format!("{}s", s / 10 * 10),
        s if s < 2 * HOUR => format!("{}m", s / MINUTE),
        s if s < 10 * HOUR => format!("{}h{:02}m", s / HOUR, s % HOUR / MINUTE),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s => format!("{}d", s / DAY),
    }
}

/// The age of `then`, seen from `now`. A clock that is ahead of ours makes nothing younger than new.
pub fn age_of(then: Timestamp, now: Timestamp) -> String {
    age(u64::try_from(now.as_second() - then.as_second()).unwrap_or(0))
}

/// `14 ms`, `1.2 s`, `3m`.
pub fn elapsed(duration: Duration) -> String {
    match duration.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..10_000 => format!("{:.1} s", ms as f64 / 1000.0),
        ms if ms < 120_000 => format!("{} s", ms / 1000),
        _ => age(duration.as_secs()),
    }
}

/// `12480` -> `12,480`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// What a person types for a length of time: `90s`, `15m`, `2h`, `1d`, `1h30m`; a bare number means seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let complain = || format!("'{text}' is not a length of time: write 90s, 15m, 2h or 1d");
    let mut seconds = 0_u64;
    let mut digits = String::new();
    for c in text.trim().chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(complain()),
        };
        let number: u64 = digits.parse().map_err(|_| complain())?;
        seconds = number.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(complain)?;
        digits.clear();
    }
    if !digits.is_empty() {
        let bare: u64 = digits.parse().map_err(|_| complain())?;
        if seconds > 0 {
            return Err(complain());
        }
        seconds = bare;
    } else if text.trim().is_empty() {
        return Err(complain());
    }
    Ok(Duration::from_secs(seconds))
}

/// What a person types for a size: `65536`, `64K`, `64KiB`, `48MiB`, `1.5G`. A K is 1024 bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let complain = || format!("'{text}' is not a size: write 65536, 64KiB, 48MiB or 1GiB");
    let text_end = text.trim().find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.trim().len());
    let (number, unit) = text.trim().split_at(text_end);
    let factor = match unit.trim().to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 1.0,
        "k" => 1024.0,
        "m" => 1024.0 * 1024.0,
        "g" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(complain()),
    };
    let bytes = number.parse::<f64>().map_err(|_| complain())? * factor;
    // Above this a float no longer holds every whole number.
    if bytes <= 2_f64.powi(53) { Ok(bytes.round() as u64) } else { Err(complain()) }
}

/// `200m` or `0.2` cores, in thousandths of a core.
pub fn parse_cpu(text: &str) -> Result<u64, String> {
    let complain = || format!("'{text}' is not an amount of CPU: write 200m or 0.2");
    if let Some(milli) = text.strip_suffix('m') {
        return milli.parse().map_err(|_| complain());
    }
    let cores: f64 = text.parse().map_err(|_| complain())?;
    if cores.is_finite() && cores >= 0.0 { Ok((cores * 1000.0).round() as u64) } else { Err(complain()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_keeps_to_five_columns() {
        let shown: Vec<_> =
            [0, 999, 1000, 1229, 10_188, 325_058_560, 1_288_490_189, u64::MAX].into_iter().map(bytes).collect();
        assert_eq!(shown, ["0B", "999B", "1.0Ki", "1.2Ki", "9.9Ki", "310Mi", "1.2Gi", "16Ei"]);
        assert!((0..64).all(|power| bytes(1 << power).len() <= 5));
    }

    #[test]
    fn an_age_is_told_in_the_unit_that_matters() {
        let shown: Vec<_> = [0, 119, 120, 7199, 7800, 36_000, 172_800].into_iter().map(age).collect();
        assert_eq!(shown, ["0s", "110s", "2m", "119m", "2h10m", "10h", "2d"]);
    }

    #[test]
    fn cpu_is_told_in_thousandths_of_a_core_and_then_in_cores() {
        assert_eq!([0, 999, 1500, 12_300].map(cpu), ["0m", "999m", "1.5", "12"]);
    }

    #[test]
    fn sizes_and_shares_are_read_as_they_are_written() {
        assert_eq!(
            ["4096", "310Mi", "1.5g", "2KB"].map(|text| parse_bytes(text).unwrap()),
            [4096, 325_058_560, 1_610_612_736, 2048]
        );
        assert_eq!(["200m", "0.2", "2"].map(|text| parse_cpu(text).unwrap()), [200, 200, 2000]);
        assert!(
            ["", "Mi", "5x", "-1", "nan"].iter().all(|text| parse_bytes(text).is_err() && parse_cpu(text).is_err())
        );
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 12_480, 1_234_567].map(count), ["0", "999", "1,000", "12,480", "1,234,567"]);
    }

    #[test]
    fn a_length_of_time_is_read_as_it_is_typed() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("45"), Ok(Duration::from_secs(45)));
        for wrong in ["", "m", "5x", "1h5", "99999999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_size_is_read_as_it_is_typed() {
        let read = ["0", "65536", "64K", "64 KiB", "48mib", "1.5G"].map(|text| parse_bytes(text).expect(text));
        assert_eq!(read, [0, 65_536, 65_536, 65_536, 50_331_648, 1_610_612_736]);
        for wrong in ["", "K", "-1", "1.2.3", "5X", "1e9", "99999999999999999999"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong:?}");
        }
    }
}
