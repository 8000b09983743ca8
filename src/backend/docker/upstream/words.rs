//! The words of an nginx configuration, by nginx's own rules (`ngx_conf_read_token`): where a quote, a comment or a brace is one. Pure.

use std::ops::Range;

#[derive(Debug, PartialEq, Eq)]
pub enum Token {
    /// As nginx reads it: without quotes and escapes.
    Word(String),
    /// `;`
    End,
    Open,
    Close,
}

/// Why a text is no configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    pub line: usize,
    pub why: &'static str,
}

pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// `None` at the end.
    pub fn next(&mut self) -> Result<Option<(Token, Range<usize>)>, Broken> {
        self.skip_blanks();
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            b';' => self.one(Token::End),
            b'{' => self.one(Token::Open),
            b'}' => self.one(Token::Close),
            b'"' | b'\'' => Token::Word(self.quoted(first)?),
            _ => Token::Word(self.plain()),
        };
        Ok(Some((token, start..self.at)))
    }

    /// To the brace that closes what was opened last, and past it, where Lua stands between them: its strings and comments may hold
    /// braces of their own.
    pub fn skip_lua(&mut self) -> Result<(), Broken> {
        let start = self.at;
        let mut depth = 1;
        while let Some(byte) = self.peek() {
            let rest = &self.text.as_bytes()[self.at..];
            let length = match byte {
                b'"' | b'\'' => lua_string(rest),
                b'-' if rest.starts_with(b"--[[") => until(rest, b"]]"),
                b'-' if rest.starts_with(b"--") => until(rest, b"\n"),
                b'[' if rest.starts_with(b"[[") => until(rest, b"]]"),
                _ => 1,
            };
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            self.at += length;
            if depth == 0 {
                return Ok(());
            }
        }
        self.at = start;
        Err(self.broken("a block of Lua is not closed"))
    }

    pub fn broken(&self, why: &'static str) -> Broken {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        Broken { line: memchr::memchr_iter(b'\n', before).count() + 1, why }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn one(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                // Only where a word could begin: in the middle of one it is a letter like others.
                b'#' => self.at += until(&self.text.as_bytes()[self.at..], b"\n"),
                _ => return,
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<String, Broken> {
        let opened = self.at;
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 2,
                byte if byte == quote => {
                    let word = unescaped(&self.text[start..self.at]);
                    self.at += 1;
                    return match self.peek() {
                        None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') => Ok(word),
                        Some(_) => Err(self.broken("something stands right behind a closing quote")),
                    };
                }
                _ => self.at += 1,
            }
        }
        self.at = opened;
        Err(self.broken("a quote is not closed"))
    }

    /// A closing brace in it is a letter like others, and so is an opening one behind a dollar.
    fn plain(&mut self) -> String {
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                b'\\' => self.at += 2,
                b'$' if self.text.as_bytes().get(self.at + 1) == Some(&b'{') => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.text.len());
        // An escape may have led into the middle of a character, of which the rest is part of the word, too.
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        unescaped(&self.text[start..self.at])
    }
}

fn unescaped(raw: &str) -> String {
    let mut word = String::with_capacity(raw.len());
    let mut letters = raw.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some(&next @ ('"' | '\'' | '\\'))) => word.push(next),
            ('\\', Some('t')) => word.push('\t'),
            ('\\', Some('r')) => word.push('\r'),
            ('\\', Some('n')) => word.push('\n'),
            _ => {
                word.push(letter);
                continue;
            }
        }
        letters.next();
    }
    word
}

/// Up to the end of `end`, or of the text.
fn until(text: &[u8], end: &[u8]) -> usize {
    memchr::memmem::find(text, end).map_or(text.len(), |at| at + end.len())
}

fn lua_string(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == text[0] => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}
