//! The lines of a watch, cut out of what comes, to be decoded where they lie.

use bytes::{Buf, BytesMut};

use crate::backend::kubernetes::fault::Fault;

/// Longer than any object that a server keeps (etcd's limit is 1.5 MiB, JSON can double it).
const LONGEST: usize = 16 << 20;

#[derive(Default)]
pub struct Lines {
    rest: BytesMut,
    /// Of `rest`: there is no line end in so many.
    searched: usize,
    /// To be dropped before the next one is searched for.
    taken: usize,
}

impl Lines {
    pub fn push(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
    }

    /// The next whole line, without its end.
    pub fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        self.rest.advance(std::mem::take(&mut self.taken));
        loop {
            let Some(found) = memchr::memchr(b'\n', &self.rest[self.searched..]) else {
                self.searched = self.rest.len();
                let is_endless = self.rest.len() > LONGEST;
                return if is_endless { Err(Fault::Garbled("a line has no end".into())) } else { Ok(None) };
            };
            let end = self.searched + found;
            self.searched = 0;
            if self.rest[..end].trim_ascii().is_empty() {
                self.rest.advance(end + 1);
                continue;
            }
            self.taken = end + 1;
            return Ok(Some(self.rest[..end].trim_ascii_end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut lines = Lines::default();
        lines.push(b"{\"a\"");
        assert_eq!(lines.next().expect("no end yet"), None);
        lines.push(b":1}\n\r\n{}\n{\"b\"");
        assert_eq!(lines.next().expect("a line"), Some(&b"{\"a\":1}"[..]));
        assert_eq!(lines.next().expect("a line"), Some(&b"{}"[..]));
        assert_eq!(lines.next().expect("no end yet"), None);
        lines.push(b":2}\n");
        assert_eq!(lines.next().expect("a line"), Some(&b"{\"b\":2}"[..]));
    }
}
