//! The time that engines put before each line of a log, read by hand: every line of a flood passes here.

/// `2026-11-21T02:00:00.123456789+01:00 ` and not more.
pub const LONGEST: usize = 36;

/// The time that a line begins with, and the rest of the line. Without one, all of it is the rest.
pub fn split_time(line: &[u8]) -> (Option<i64>, &[u8]) {
    match parse_time(line) {
        Some((at, length)) => (Some(at), &line[length..]),
        None => (None, line),
    }
}

/// RFC 3339 with up to nine places and one space after it.
fn parse_time(line: &[u8]) -> Option<(i64, usize)> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = line.get(from..to)?;
        digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let head = line.get(..20)?;
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1970..=2200).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if line[at] == b'.' {
        let places = line[at + 1..].iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
        nanos = number(at + 1, at + 1 + places)? * 10_i64.pow(9 - u32::try_from(places).ok()?);
        at += 1 + places;
    }
    let offset = match line.get(at)? {
        b'Z' => {
            at += 1;
            0
        }
        sign @ (b'+' | b'-') => {
            let offset = number(at + 1, at + 3)? * 3600 + number(at + 4, at + 6)? * 60;
            at += 6;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    // An empty line has its time and may have lost the space.
    let space = match line.get(at) {
        Some(b' ') => 1,
        None => 0,
        Some(_) => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some((seconds * 1_000_000_000 + nanos, at + space))
}

/// Days since 1970 of a date of the Gregorian calendar, counting years from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let of_era = year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// 1 January 1970, counted from 1 March of year 0.
const EPOCH: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_the_same_that_jiff_reads() {
        for text in [
            "2026-11-21T02:00:00.123456789Z",
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.5Z",
            "2024-02-29T12:00:00.000000001+05:30",
            "2100-03-01T00:00:00.25-11:00",
            "2026-12-31T23:59:59.999999999Z",
        ] {
            let expected: jiff::Timestamp = text.parse().expect("a time");
            let line = format!("{text} rest");
            let (at, rest) = split_time(line.as_bytes());
            assert_eq!((at.map(i128::from), rest), (Some(expected.as_nanosecond()), &b"rest"[..]), "{text}");
        }
    }

    #[test]
    fn a_line_without_a_time_is_kept_whole() {
        for line in
            ["", "hello", "2026-11-21", "2026-11-21T02:00:00", "2026-11-21T02:00:00Zx", "9999-99-99T99:99:99Z x"]
        {
            assert_eq!(split_time(line.as_bytes()), (None, line.as_bytes()));
        }
    }
}
