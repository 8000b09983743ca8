//! How grave a line is, from what it says of itself in its first 200 bytes. A word "error" in the middle of a message is no level.

use crate::domain::Level;

/// How much of a line is looked at.
const LOOKED_AT: usize = 200;

/// Costs well under a microsecond a line and allocates nothing.
pub fn of(line: &[u8]) -> Level {
    let mut plain = [0; LOOKED_AT];
    let head = &line[..line.len().min(LOOKED_AT)];
    let head = if memchr::memchr(0x1b, head).is_some() { without_colours(head, &mut plain) } else { head };
    let head = head.trim_ascii_start();
    let found = match head.first() {
        Some(b'{') => return json(head).unwrap_or_default(),
        Some(b'<') => syslog(head),
        Some(b'I' | b'W' | b'E' | b'F' | b'D') => klog(head),
        Some(b'0'..=b'9') => redis(head),
        _ => None,
    };
    found.or_else(|| logfmt(head)).or_else(|| header(head)).unwrap_or_default()
}

/// Drops `ESC [ ... letter`, which is all that a level is dressed in.
fn without_colours<'a>(head: &[u8], plain: &'a mut [u8; LOOKED_AT]) -> &'a [u8] {
    let mut length = 0;
    let mut bytes = head.iter();
    while let Some(&byte) = bytes.next() {
        if byte == 0x1b {
            if bytes.next() == Some(&b'[') {
                bytes.by_ref().find(|byte| (0x40..=0x7e).contains(*byte));
            }
        } else {
            plain[length] = byte;
            length += 1;
        }
    }
    &plain[..length]
}

/// `"level":"error"` and its many cousins, numbers of pino and bunyan (10 to 60) among them. Only keys of the outermost object.
fn json(head: &[u8]) -> Option<Level> {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < head.len() {
        match head[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(head, at + 1)?;
                let text = &head[at + 1..end];
                at = end + 1;
                let after = head[at..].trim_ascii_start();
                if depth == 1 && after.first() == Some(&b':') && is_level_key(text) {
                    return json_value(after[1..].trim_ascii_start(), text);
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn string_end(head: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', head.get(at..)?)?;
        if head[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn is_level_key(key: &[u8]) -> bool {
    let key = key.strip_prefix(b"@").unwrap_or(key);
    // MongoDB calls it `s`.
    const KEYS: [&[u8]; 9] =
        [b"level", b"severity", b"lvl", b"loglevel", b"log.level", b"levelname", b"log_level", b"severity_text", b"s"];
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

fn json_value(value: &[u8], key: &[u8]) -> Option<Level> {
    if let Some(text) = value.strip_prefix(b"\"") {
        let end = text.iter().position(|&byte| byte == b'"')?;
        return match &text[..end] {
            [letter] | [b'D', letter @ b'1'..=b'5'] if key == b"s" => one_letter(*letter),
            text if key == b"s" => word(text).filter(|_| text.len() > 1),
            text => word(text),
        };
    }
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match std::str::from_utf8(&value[..digits]).ok()?.parse::<u32>().ok()? {
        // Syslog numbers, as some loggers write them.
        0..=2 => Some(Level::Fatal),
        3 => Some(Level::Error),
        4 => Some(Level::Warn),
        5 | 6 => Some(Level::Info),
        7 => Some(Level::Debug),
        10..=19 => Some(Level::Trace),
        20..=29 => Some(Level::Debug),
        30..=39 => Some(Level::Info),
        40..=49 => Some(Level::Warn),
        50..=59 => Some(Level::Error),
        60..=69 => Some(Level::Fatal),
        _ => None,
    }
}

fn one_letter(letter: u8) -> Option<Level> {
    match letter {
        b'T' => Some(Level::Trace),
        b'D' | b'1'..=b'5' => Some(Level::Debug),
        b'I' => Some(Level::Info),
        b'W' => Some(Level::Warn),
        b'E' => Some(Level::Error),
        b'F' => Some(Level::Fatal),
        _ => None,
    }
}

/// `<3>` before a line: facility times eight, plus severity.
fn syslog(head: &[u8]) -> Option<Level> {
    let end = head.iter().take(5).position(|&byte| byte == b'>')?;
    let number: u8 = std::str::from_utf8(&head[1..end]).ok()?.parse().ok()?;
    match number % 8 {
        0..=2 => Some(Level::Fatal),
        3 => Some(Level::Error),
        4 => Some(Level::Warn),
        5 | 6 => Some(Level::Info),
        _ => Some(Level::Debug),
    }
}

/// `W1121 02:00:00.123456`, as Kubernetes' own parts write.
fn klog(head: &[u8]) -> Option<Level> {
    let (letter, date) = head.split_first()?;
    let is_date = date.len() > 4 && date[..4].iter().all(u8::is_ascii_digit) && date[4] == b' ';
    if is_date { one_letter(*letter) } else { None }
}

/// `1:M 21 Nov 2026 02:00:00.000 # Ready`: the mark after the time.
fn redis(head: &[u8]) -> Option<Level> {
    let mut parts = head.split(|&byte| byte == b' ');
    let (_, role) = split_once(parts.next()?, b':')?;
    if !matches!(role, [b'X' | b'C' | b'S' | b'M']) {
        return None;
    }
    match parts.nth(4)? {
        b"." | b"-" => Some(Level::Debug),
        b"*" => Some(Level::Info),
        b"#" => Some(Level::Warn),
        _ => None,
    }
}

/// `level=warn` where a word begins.
fn logfmt(head: &[u8]) -> Option<Level> {
    memchr::memchr_iter(b'=', head).find_map(|equals| {
        let key = head[..equals].rsplit(|byte| byte.is_ascii_whitespace() || *byte == b',').next()?;
        const KEYS: [&[u8]; 4] = [b"level", b"lvl", b"severity", b"loglevel"];
        if !KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)) {
            return None;
        }
        let value = &head[equals + 1..];
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        word(&value[..letters(value)])
    })
}

/// The words before the message: times, names and numbers are passed over, and the first ordinary word ends the search.
fn header(head: &[u8]) -> Option<Level> {
    let mut at = 0;
    while at < head.len() {
        let byte = head[at];
        if byte.is_ascii_whitespace() || is_bracket(byte) || matches!(byte, b'|' | b'-' | b',' | b':') {
            at += 1;
            continue;
        }
        let is_head = at == 0;
        let begins_in_bracket = at > 0 && matches!(head[at - 1], b'[' | b'(' | b'<');
        let length = head[at..]
            .iter()
            .position(|&byte| byte.is_ascii_whitespace() || is_bracket(byte) || matches!(byte, b'|' | b','))
            .unwrap_or(head.len() - at);
        let token = &head[at..at + length];
        let closing = head.get(at + length).copied();
        at += length;
        if let Some(level) = token_level(token, begins_in_bracket, closing, is_head) {
            return Some(level);
        }
        if !may_stand_before_a_level(token, begins_in_bracket, &head[at..]) {
            return None;
        }
    }
    None
}

fn token_level(token: &[u8], in_bracket: bool, closing: Option<u8>, is_head: bool) -> Option<Level> {
    // `[core:error]`, and `ERROR:root:message`.
    let (name, rest) = match split_once(token, b':') {
        Some((first, last)) if in_bracket && closing == Some(b']') && last.iter().all(u8::is_ascii_lowercase) => {
            (last, first)
        }
        Some((first, rest)) => (first, rest),
        None => (token, &b""[..]),
    };
    let has_colon = name.len() < token.len();
    let is_upper = name.iter().all(u8::is_ascii_uppercase);
    if name == b"LOG" {
        return (has_colon && rest.is_empty()).then_some(Level::Info);
    }
    let level = word(name)?;
    let is_marked = in_bracket && matches!(closing, Some(b']' | b')' | b'>' | b' ')) || is_head && has_colon;
    (is_upper || is_marked).then_some(level)
}

/// What a line may begin with before it names its level.
fn may_stand_before_a_level(token: &[u8], in_bracket: bool, rest: &[u8]) -> bool {
    const NAMES: [&[u8]; 22] = [
        b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul",
        b"Aug", b"Sep", b"Oct", b"Nov", b"Dec", b"AM", b"PM", b"UTC",
    ];
    let has_digit = token.iter().any(u8::is_ascii_digit);
    let is_name = token.iter().any(|byte| matches!(byte, b'.' | b'_' | b'/' | b'#' | b'@' | b'='));
    let is_zone = token.len() <= 5 && token.iter().all(u8::is_ascii_uppercase);
    // `myapp - ERROR - message`, `web | ERROR message`
    let rest = rest.trim_ascii_start();
    let is_set_apart = rest.starts_with(b"- ") || rest.starts_with(b"| ");
    has_digit || is_name || is_zone || in_bracket || is_set_apart || NAMES.contains(&token)
}

fn is_bracket(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b'(' | b')' | b'<' | b'>')
}

fn letters(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(at, text)?;
    Some((&text[..place], &text[place + 1..]))
}

/// A level by any of the names that loggers give it.
fn word(name: &[u8]) -> Option<Level> {
    let mut lower = [0; 11];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"trace" | b"trc" | b"trce" | b"finest" | b"finer" | b"silly" => Level::Trace,
        b"debug" | b"dbg" | b"dbug" | b"verbose" | b"fine" | b"config" => Level::Debug,
        b"info" | b"inf" | b"information" | b"notice" | b"note" | b"system" => Level::Info,
        b"warn" | b"warning" | b"wrn" => Level::Warn,
        b"error" | b"err" | b"eror" | b"fail" | b"severe" => Level::Error,
        b"fatal" | b"ftl" | b"critical" | b"crit" | b"panic" | b"emerg" | b"emergency" | b"alert" => Level::Fatal,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn each_is(level: Level, lines: &[&str]) {
        for line in lines {
            assert_eq!(of(line.as_bytes()), level, "{line}");
        }
    }

    #[test]
    fn json_says_its_level_by_many_names_and_numbers() {
        each_is(
            Level::Error,
            &[
                r#"{"level":"error","msg":"x"}"#,
                r#"{"time":"2026-11-21T02:00:00Z", "severity" : "ERROR"}"#,
                r#"{"level":50,"time":1732154400000,"msg":"pino"}"#,
                r#"{"@level":"error","@message":"hclog"}"#,
                r#"{"t":{"$date":"2026-11-21T02:00:00.000Z"},"s":"E","c":"STORAGE"}"#,
                r#"{"msg":"said \"level\":\"info\" and","lvl":"err"}"#,
            ],
        );
        each_is(Level::Warn, &[r#"{"level":40}"#, r#"{"levelname":"WARNING"}"#]);
        each_is(
            Level::None,
            &[r#"{"msg":"error"}"#, r#"{"request":{"level":"error"}}"#, r#"{"level":"#, r#"{"s":"error "}"#],
        );
    }

    #[test]
    fn logfmt_says_its_level_where_a_word_begins() {
        each_is(Level::Warn, &["time=2026-11-21T02:00:00Z level=warn msg=x", r#"lvl="warning" x=1"#, "level=WARN"]);
        each_is(Level::None, &["sealevel=error", "url=/?level=error"]);
    }

    #[test]
    fn plain_lines_say_it_before_their_message() {
        each_is(
            Level::Error,
            &[
                "ERROR request failed",
                "[ERROR] request failed",
                "2026-11-21 02:00:00,123 ERROR [main] c.e.App - failed",
                "2026-11-21T02:00:00.123Z ERROR app::cart: failed",
                "[2026-11-21T02:00:00Z ERROR app] failed",
                "[2026-11-21T02:00:00,123][ERROR][o.e.n.Node] [es-1] failed",
                "2026-11-21 02:00:00,123 - myapp - ERROR - failed",
                "ERROR:root:failed",
                "2026-11-21 02:00:00.123 UTC [17] ERROR:  relation \"carts\" does not exist",
                "2026/11/21 02:00:00 [error] 29#29: *1 open() failed",
                "[Sat Nov 21 02:00:00.123 2026] [core:error] [pid 1] failed",
                "E1121 02:00:00.123456       1 controller.go:1] failed",
                "error: failed",
                "fail: Microsoft.Hosting.Lifetime[0]",
                "2:00AM ERR failed",
                "<3>disk failed",
                "\u{1b}[31mERROR\u{1b}[0m failed",
                "E, [2026-11-21T02:00:00.123 #1] ERROR -- : failed",
            ],
        );
        each_is(
            Level::Info,
            &[
                "INFO[0000] listening",
                "2026-11-21 02:00:00.123 UTC [1] LOG:  database system is ready",
                "2026-11-21T02:00:00.123Z  INFO 1 --- [main] c.e.App : started",
                "1:M 21 Nov 2026 02:00:00.000 * Ready to accept connections",
                "INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 200",
                "2026-11-21 02:00:00.000000+00:00 [info] <0.9.0> Server startup complete",
                "I1121 02:00:00.123456       1 main.go:1] x",
            ],
        );
        each_is(
            Level::Warn,
            &[
                "1:M 21 Nov 2026 02:00:00.000 # WARNING overcommit_memory is set to 0!",
                "2026-11-21T02:00:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate is self signed.",
                "W1121 02:00:00.123456       1 x.go:1] hm",
            ],
        );
        each_is(
            Level::Fatal,
            &["2026-11-21 02:00:00 UTC [9] FATAL:  password authentication failed", "panic: runtime error"],
        );
    }

    #[test]
    fn a_grave_word_in_a_message_is_not_a_level() {
        each_is(
            Level::None,
            &[
                "compiled with 0 errors",
                "no error was found",
                "Request ended with ERROR from upstream",
                "an [error] was seen",
                "10.0.0.1 - - [21/Nov/2026:02:00:00 +0000] \"GET /error HTTP/1.1\" 200 5",
                "errors: 0",
                "",
                "\u{1b}[",
            ],
        );
    }

    #[test]
    fn any_bytes_at_all_are_looked_at_without_harm() {
        let mut seed = 1_u64;
        for length in 0..600 {
            let line: Vec<u8> = (0..length)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    b"{\"\\:[]<>levl=ERO 1*\x1b\xff"[(seed >> 33) as usize % 21]
                })
                .collect();
            of(&line);
        }
    }
}
