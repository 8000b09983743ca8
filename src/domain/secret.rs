//! Whether a value is a secret, by what it is called. When in doubt it is.

/// Anywhere in a name, however it is written.
const STEMS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "requirepass",
    "masterauth",
    "secret",
    "credential",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "signingkey",
    "encryptionkey",
];
/// Only as a word of its own: "author", "passenger" and "cookiecutter" are nobody's secret.
const WORDS: [&str; 13] =
    ["auth", "authorization", "pass", "pwd", "cred", "creds", "dsn", "cookie", "session", "jwt", "salt", "pat", "psk"];

pub fn is_secret_key(key: &str) -> bool {
    let words = words_of(key);
    let joined = words.concat();
    // The shell's own, which hold directories.
    if matches!(joined.as_str(), "pwd" | "oldpwd") {
        return false;
    }
    STEMS.iter().any(|stem| joined.contains(stem)) || words.iter().any(|word| WORDS.contains(&word.as_str()))
}

/// An empty password is a finding and no secret; neither is the path of a file that holds one.
pub fn is_harmless(key: &str, value: &str) -> bool {
    let is_path = words_of(key).last().is_some_and(|word| matches!(word.as_str(), "file" | "path" | "dir"));
    value.is_empty() || (is_path && value.starts_with('/'))
}

/// `apiKey`, `API_KEY` and `x-api-key` are the same words to us.
fn words_of(key: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut previous_is_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && previous_is_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("begins with one").extend(c.to_lowercase());
        }
        previous_is_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}
