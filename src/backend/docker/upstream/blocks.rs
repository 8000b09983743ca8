//! The `upstream` blocks of an nginx configuration: where they are, whom they send to, and how they read with other servers. Pure.

use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::words::{Broken, Token, Words};

#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    pub name: String,
    /// Between its braces.
    pub body: Range<usize>,
    pub servers: Vec<Server>,
}

/// A `server` of a block.
#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    /// Its address and parameters.
    words: Vec<String>,
    /// From `server` to the semicolon.
    span: Range<usize>,
}

/// What one configuration says that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    pub blocks: Vec<Block>,
    /// Addresses that it sends to but for those of blocks: what a `*_pass` says, and servers that are included into a block elsewhere.
    pub passes: Vec<String>,
    /// A request that one instance did not take is not tried with another.
    pub tries_once: bool,
    /// It listens with a socket for each worker: what waits on one is dropped with it at every reload.
    pub drops_at_reload: bool,
}

/// The files in what `nginx -T` prints, by their paths.
pub fn files(dump: &str) -> Vec<(&str, &str)> {
    const HEAD: &str = "# configuration file /";
    let heads: Vec<usize> = memchr::memmem::find_iter(dump.as_bytes(), HEAD)
        .filter(|at| *at == 0 || dump.as_bytes()[at - 1] == b'\n')
        .collect();
    let ends = heads.iter().skip(1).copied().chain([dump.len()]);
    let one = |(start, end): (&usize, usize)| {
        let (head, text) = dump[*start..end].split_once('\n')?;
        let path = head[HEAD.len() - 1..].trim_end().strip_suffix(':')?;
        Some((path, text))
    };
    heads.iter().zip(ends).filter_map(one).collect()
}

pub fn read(text: &str) -> Result<Configuration, Broken> {
    let mut words = Words::new(text);
    let mut found = Configuration::default();
    let mut parents: Vec<String> = Vec::new();
    // Of the block that is being read, and how deep it lies.
    let mut open: Option<(Block, usize)> = None;
    let mut directive: Vec<String> = Vec::new();
    let mut begins = 0;
    while let Some((token, span)) = words.next()? {
        match token {
            Token::Word(word) => {
                if directive.is_empty() {
                    begins = span.start;
                }
                directive.push(word);
            }
            Token::End => {
                let said = std::mem::take(&mut directive);
                match (&mut open, said.first().map(String::as_str)) {
                    (_, None) => return Err(words.broken("a semicolon stands alone")),
                    (Some((block, depth)), Some("server")) if *depth == parents.len() => {
                        block.servers.push(Server { words: said[1..].to_vec(), span: begins..span.end });
                    }
                    (_, Some("listen")) => found.drops_at_reload |= said.iter().any(|word| word == "reuseport"),
                    (_, Some("server")) => found.passes.extend(said.get(1).cloned()),
                    (_, Some(name)) if name.ends_with("_pass") => found.passes.extend(said.get(1).cloned()),
                    (_, Some(name)) if name.ends_with("_next_upstream") => {
                        found.tries_once |= said.iter().any(|word| word == "off");
                    }
                    (_, Some(_)) => {}
                }
            }
            Token::Open => {
                let said = std::mem::take(&mut directive);
                let Some(kind) = said.first() else { return Err(words.broken("a brace opens nothing")) };
                if kind.ends_with("_by_lua_block") {
                    words.skip_lua()?;
                    continue;
                }
                let is_outer = parents.iter().all(|parent| parent == "http" || parent == "stream");
                parents.push(kind.clone());
                if let ("upstream", [_, name], true) = (kind.as_str(), said.as_slice(), is_outer) {
                    let block = Block { name: name.clone(), body: span.end..span.end, servers: Vec::new() };
                    open = Some((block, parents.len()));
                }
            }
            Token::Close => {
                if !directive.is_empty() {
                    return Err(words.broken("a directive is not ended before a brace"));
                }
                let depth = parents.len();
                if parents.pop().is_none() {
                    return Err(words.broken("a brace closes nothing"));
                }
                if let Some((mut block, _)) = open.take_if(|(_, began)| *began == depth) {
                    block.body.end = span.start;
                    found.blocks.push(block);
                }
            }
        }
    }
    if !parents.is_empty() || !directive.is_empty() {
        return Err(words.broken("the file ends in the middle of something"));
    }
    Ok(found)
}

impl Server {
    pub fn address(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Host and port. `None`: a socket's path, or nothing.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let address = self.address();
        if address.is_empty() || address.starts_with("unix:") {
            return None;
        }
        if let Some(rest) = address.strip_prefix('[') {
            let (host, port) = rest.split_once(']')?;
            return Some((host, port.strip_prefix(':').map_or(Some(80), |port| port.parse().ok())?));
        }
        match address.split_once(':') {
            None => Some((address, 80)),
            Some((host, port)) => Some((host, port.parse().ok()?)),
        }
    }

    /// It gets nothing while others are there: left as it is.
    pub fn stands_by(&self) -> bool {
        self.words.iter().skip(1).any(|word| word == "backup" || word == "down")
    }

    /// What holds for any server of the block, as written.
    fn manners(&self) -> String {
        const KEPT: [&str; 3] = ["max_fails=", "fail_timeout=", "max_conns="];
        let kept = self.words.iter().skip(1).filter(|word| KEPT.iter().any(|start| word.starts_with(start)));
        kept.map(|word| format!(" {word}")).collect()
    }
}

/// The host of what a `*_pass` says; `None` for a socket, and for what is found out anew with each request.
pub fn host(address: &str) -> Option<&str> {
    if address.contains('$') {
        return None;
    }
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    (!host.is_empty() && host != "unix").then_some(host)
}

/// So that a block of ours is known from one that somebody else wrote meanwhile.
pub const MARK: &str = "# by midwatch, while a rollout is under way";
/// What stood there before is kept behind it, in base64, for whoever finds the block when nobody remembers the rollout. In short lines:
/// nginx takes no comment longer than 4 KiB.
const BEFORE: &str = "# midwatch: before ";
const LINE: usize = 120;

/// What a body was before a rollout.
#[derive(Debug, PartialEq, Eq)]
pub enum Original {
    /// It is nobody's but its owner's.
    AsItIs,
    Was(String),
    /// A rollout left it, and what it was is not known.
    Lost,
}

pub fn original(body: &str) -> Original {
    if !body.contains(MARK) {
        return Original::AsItIs;
    }
    let kept: String = body.lines().filter_map(|line| line.trim().strip_prefix(BEFORE)).collect();
    let text = STANDARD.decode(kept).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match text {
        // An empty one sends to nobody, which no nginx ever ran with.
        Some(text) if !text.is_empty() && !text.contains(MARK) => Original::Was(text),
        Some(_) | None => Original::Lost,
    }
}

/// A block of this text.
pub fn block(name: &str, body: &str) -> Result<Block, Broken> {
    let configuration = read(&format!("upstream x {{{body}}}"))?;
    let block = configuration.blocks.into_iter().next();
    let block = block.ok_or(Broken { line: 1, why: "it is no body of a block" })?;
    Ok(Block { name: name.to_owned(), ..block })
}

/// `body` (of a block) with these servers, by weight, in the place of those that it sends to; all else stays as it is.
pub fn with_servers(body: &str, servers: &[(String, u32)]) -> Result<String, Broken> {
    let head = "upstream x {";
    let text = format!("{head}{body}}}");
    let configuration = read(&text)?;
    let replaced: Vec<&Server> =
        configuration.blocks.iter().flat_map(|block| &block.servers).filter(|server| !server.stands_by()).collect();
    let manners = replaced.first().map_or(String::new(), |server| server.manners());
    let first = replaced.first().map_or(text.len() - 1, |server| server.span.start);
    let indent = match text[..first].rsplit('\n').next() {
        Some(before) if !replaced.is_empty() && before.trim().is_empty() => before,
        Some(_) | None => "    ",
    };
    let lines: Vec<String> =
        servers.iter().map(|(address, weight)| format!("server {address} weight={weight}{manners};")).collect();
    let encoded = STANDARD.encode(body);
    let before = encoded.as_bytes().chunks(LINE).map(|line| format!("{BEFORE}{}", String::from_utf8_lossy(line)));
    let ours: Vec<String> = std::iter::once(MARK.to_owned()).chain(before).chain(lines).collect();
    let ours = ours.join(&format!("\n{indent}"));
    let mut out = String::with_capacity(text.len() + ours.len());
    let mut kept = head.len();
    for (index, server) in replaced.iter().enumerate() {
        out.push_str(&text[kept..server.span.start]);
        kept = server.span.end;
        if index == 0 {
            // The mark is a comment, and ends with its line.
            if !out.trim_end_matches([' ', '\t']).ends_with('\n') {
                out.push_str(&format!("\n{indent}"));
            }
            out.push_str(&ours);
        } else if text[kept..].starts_with('\n')
            && let Some(before) = out.strip_suffix(indent).filter(|before| before.ends_with('\n'))
        {
            // It had a line of its own, which goes with it.
            out.truncate(before.len());
            kept += 1;
        }
    }
    out.push_str(&text[kept..text.len() - 1]);
    if replaced.is_empty() {
        out.push_str(&format!("\n{indent}{ours}\n"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
