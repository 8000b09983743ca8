//! Keeps secrets off the screen: by what a value is called, and by what it looks like. Pure. When in doubt it hides too much;
//! a hexadecimal secret under a harmless name is the one shape that it cannot tell from the ids that an engine is full of.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::domain::secret::is_harmless;
pub use crate::domain::secret::is_secret_key;

/// Always of one length, so that it does not tell the secret's.
pub const MASK: &str = "********";

/// The whole document, in place.
pub fn value(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                if is_secret_key(key) {
                    hide(key, inner);
                } else {
                    self::value(inner);
                }
            }
        }
        Value::Array(items) => list(items),
        Value::String(string) => *string = text(string),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A command's arguments, where a secret may be glued to its option or follow it.
pub fn arguments(arguments: &[String]) -> Vec<String> {
    let mut next_is_secret = false;
    let one = |argument: &String| {
        let hide = std::mem::take(&mut next_is_secret) && !argument.starts_with('-');
        let option = argument.trim_start_matches('-');
        let is_option = option.len() < argument.len() && !argument.contains(['=', ' ']);
        next_is_secret = is_option && is_secret_key(option);
        if hide { MASK.to_owned() } else { pair(argument) }
    };
    arguments.iter().map(one).collect()
}

/// `KEY=VALUE`, else plain text.
pub fn pair(entry: &str) -> String {
    match entry.split_once('=') {
        Some((key, value)) if !key.contains(char::is_whitespace) => {
            format!("{key}={}", named(key.trim_start_matches('-'), value))
        }
        Some(_) | None => text(entry),
    }
}

/// A value that has a name.
pub fn named(key: &str, value: &str) -> String {
    if is_secret_key(key) && !is_harmless(key, value) { MASK.to_owned() } else { text(value) }
}

fn hide(key: &str, value: &mut Value) {
    match value {
        Value::String(string) => *string = named(key, string),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(key, item)),
        Value::Object(map) => map.values_mut().for_each(|inner| hide(key, inner)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn list(items: &mut [Value]) {
    let strings: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    match strings {
        Some(strings) => items.iter_mut().zip(arguments(&strings)).for_each(|(item, masked)| *item = masked.into()),
        None => items.iter_mut().for_each(value),
    }
}

static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    let shapes = [
        r"-----BEGIN [A-Z0-9 ]+-----(?s:.*?)(?:-----END [A-Z0-9 ]+-----|$)",
        r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{16,}",
        r"\bgithub_pat_[A-Za-z0-9_]{16,}",
        r"\bglpat-[A-Za-z0-9_-]{16,}",
        r"\bxox[a-z]-[A-Za-z0-9-]{8,}",
        r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}",
        r"\bsk-[A-Za-z0-9_-]{20,}",
        r"\bAIza[0-9A-Za-z_-]{30,}",
        r"\bnpm_[A-Za-z0-9]{30,}",
    ];
    Regex::new(&shapes.join("|")).expect("tested")
});
static SCHEMES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\b(bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})").expect("tested"));
static URLS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s/:@]*)(:[^\s@]*)?@").expect("tested"));
/// `password=x`, `token: x`, `--api-key x`, anywhere in a text.
static ASSIGNMENTS: LazyLock<Regex> = LazyLock::new(|| {
    let name = r"[\w.-]*(?:password|passwd|passphrase|requirepass|pwd|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key)[\w.-]*";
    let between = r#"(?:["']?\s*[=:]\s*|\s+)"#;
    let value = r#"(?:"[^"]*"|'[^']*'|[^\s&;,"']+)"#;
    Regex::new(&format!(r#"(?i)((?:--?{name}{between})|(?:{name}["']?\s*[=:]\s*))({value})"#)).expect("tested")
});
static LONG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/=_-]{32,}").expect("tested"));

/// Hides what looks like a secret in a text that has no name, and leaves the rest.
pub fn text(text: &str) -> String {
    let text = SHAPES.replace_all(text, MASK);
    let text = SCHEMES.replace_all(&text, |found: &Captures| format!("{} {MASK}", &found[1]));
    let text = URLS.replace_all(&text, |found: &Captures| {
        let (scheme, user) = (&found[1], &found[2]);
        match found.get(3) {
            Some(_) => format!("{scheme}{user}:{MASK}@"),
            // A long user without a password is a key (as in a Sentry address).
            None if user.len() >= 16 => format!("{scheme}{MASK}@"),
            None => found[0].to_owned(),
        }
    });
    let text = ASSIGNMENTS.replace_all(&text, |found: &Captures| {
        if found[2].starts_with(MASK) { found[0].to_owned() } else { format!("{}{MASK}", &found[1]) }
    });
    LONG.replace_all(&text, |found: &Captures| if is_random(&found[0]) { MASK } else { &found[0] }.to_owned())
        .into_owned()
}

/// Base64-like and without pattern. Paths have many slashes, words have no digits, ids of the engine are hexadecimal.
fn is_random(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let varied = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    varied && text.matches('/').count() <= 2 && bits_per_character(text) > 4.0
}

/// Shannon's entropy.
fn bits_per_character(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let share = |count: &u32| f64::from(*count) / text.len() as f64;
    -counts.iter().filter(|count| **count > 0).map(share).map(|share| share * share.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_known_by_its_name_however_it_is_written() {
        for key in [
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "mysqlRootPassword",
            "db.passwd",
            "SECRET_KEY_BASE",
            "GITHUB_TOKEN",
            "apiKey",
            "X-Api-Key",
            "AWS_SECRET_ACCESS_KEY",
            "private_key",
            "SMTP_PASS",
            "REDIS_AUTH",
            "SENTRY_DSN",
            "session_cookie",
            "RABBITMQ_ERLANG_COOKIE",
            "GOOGLE_APPLICATION_CREDENTIALS_JSON",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn a_harmless_name_is_left_alone() {
        for key in
            ["PATH", "PWD", "OLDPWD", "AUTHOR", "org.opencontainers.image.authors", "PASSENGER_COUNT", "KEYBOARD"]
        {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn a_secret_is_known_by_its_shape_wherever_it_stands() {
        for (given, hidden) in [
            ("use eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl now", "c2lnbmF0dXJl"),
            ("key AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
            ("clone ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42"),
            ("glpat-abcdefghij0123456789", "abcdefghij"),
            ("xoxb-123456789012-abcdef", "123456789012"),
            ("postgres://shop:hun:ter2@db:5432/shop", "ter2"),
            ("redis://:hunter2@cache", "hunter2"),
            ("https://0123456789abcdef0123@sentry.example/4", "0123456789abcdef"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----", "MIIE"),
            ("-----BEGIN PRIVATE KEY-----\\nMIIEcut", "MIIEcut"),
            ("Authorization: Bearer abcdefgh12345678", "abcdefgh"),
            ("host=db password=hunter2 user=x", "hunter2"),
            ("redis-server --requirepass hunter2 --port 1", "hunter2"),
            ("curl -H 'X-Api-Key: hunter2'", "hunter2"),
            (r#"{"password": "hunter2"}"#, "hunter2"),
            ("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1234", "wJalr"),
        ] {
            let masked = text(given);
            assert!(!masked.contains(hidden), "{given} -> {masked}");
            assert!(masked.contains(MASK), "{given} -> {masked}");
        }
    }

    #[test]
    fn what_is_not_secret_stays_readable() {
        for plain in [
            "sha256:2211da5a72549c99865a3054904fa0e3c06ad7d27133e8cf3b6c69e1459d14bc",
            "/var/lib/docker/overlay2/11022463c6093920A13c0034333a7e6c5b70234f/merged",
            "https://shop.example:8443/path?page=2",
            "postgres://shop@db/shop",
            "nginx -g 'daemon off;'",
            "2026-11-21T02:17:31.574539191Z",
            "a perfectly ordinary sentence about tokens and secrets",
        ] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn the_secret_of_an_option_is_hidden_whether_it_is_glued_or_follows() {
        let given = ["server", "--password=x1", "--api-key", "x2", "--port", "80", "--token", "--verbose", "TOKEN=x3"];
        let masked = arguments(&given.map(str::to_owned));
        let expected = [
            "server",
            "--password=********",
            "--api-key",
            MASK,
            "--port",
            "80",
            "--token",
            "--verbose",
            "TOKEN=********",
        ];
        assert_eq!(masked, expected);
    }

    #[test]
    fn an_empty_password_and_the_path_of_a_secret_are_shown() {
        assert_eq!(pair("MYSQL_PASSWORD="), "MYSQL_PASSWORD=");
        assert_eq!(pair("POSTGRES_PASSWORD_FILE=/run/secrets/db"), "POSTGRES_PASSWORD_FILE=/run/secrets/db");
        assert_eq!(pair("POSTGRES_PASSWORD_FILE=hunter2"), "POSTGRES_PASSWORD_FILE=********");
    }

    #[test]
    fn a_whole_document_is_masked_at_every_depth() {
        let mut document = json!({
            "Config": {
                "Env": ["POSTGRES_PASSWORD=hunter2", "PATH=/bin", "URL=amqp://u:hunter2@mq"],
                "Cmd": ["sh", "-c", "exec server --password hunter2"],
                "Labels": {"traefik.auth": "hunter2", "team": "shop", "api-keys": ["hunter2"]},
                "Tty": false,
            },
            "HostConfig": {"LogConfig": {"Config": {"splunk-token": "hunter2", "tag": "web"}}},
            "Secrets": {"nested": {"deep": "hunter2"}},
        });
        value(&mut document);
        let shown = document.to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
        for kept in ["PATH=/bin", "\"team\":\"shop\"", "\"tag\":\"web\"", "exec server --password"] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
    }
}
