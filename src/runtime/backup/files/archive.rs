//! Counts the entries of a tar archive while it passes: ustar, pax and GNU's own. Reads no names but that of the top, and no content.

use super::super::recipe::Tally;
use crate::domain::Counts;

const BLOCK: usize = 512;
/// What stands before an entry, to tell more of it, is no longer than this by right.
const LONGEST_RECORDS: usize = 1 << 20;

#[derive(Default)]
pub struct Archive {
    /// The block, or the records, that are being read.
    held: Vec<u8>,
    state: State,
    /// What records said of the entry that comes.
    said: Said,
    files: u64,
    directories: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Header,
    /// Of the pax records so many bytes are to be read, and then so many to the next header.
    Records(usize, u64),
    /// So many bytes to the next header.
    Content(u64),
    End,
    Broken(&'static str),
}

#[derive(Default)]
struct Said {
    /// In the archive.
    size: Option<u64>,
    /// Of a file with holes, before they were left out.
    real: Option<u64>,
}

impl Tally for Archive {
    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let taken = match self.state {
                State::Header => self.hold(piece, BLOCK),
                State::Records(length, _) => self.hold(piece, length),
                State::Content(left) => {
                    let taken = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
                    self.skip(left - taken as u64);
                    taken
                }
                State::End | State::Broken(_) => return,
            };
            piece = &piece[taken..];
        }
    }

    fn end(&mut self, _: &str, counts: &mut Counts) -> Result<(), &'static str> {
        match self.state {
            State::End => {}
            State::Broken(why) => return Err(why),
            State::Header | State::Records(..) | State::Content(_) => return Err("the archive breaks off"),
        }
        for (name, count) in [("files", self.files), ("directories", self.directories), ("bytes", self.bytes)] {
            counts.insert(name.into(), (count, count));
        }
        Ok(())
    }
}

impl Archive {
    fn hold(&mut self, piece: &[u8], wanted: usize) -> usize {
        let taken = (wanted - self.held.len()).min(piece.len());
        self.held.extend_from_slice(&piece[..taken]);
        if self.held.len() == wanted {
            let held = std::mem::take(&mut self.held);
            match self.state {
                State::Records(_, rest) => {
                    self.said.hear(&held);
                    self.skip(rest);
                }
                State::Header | State::Content(_) | State::End | State::Broken(_) => self.header(&held),
            }
        }
        taken
    }

    fn skip(&mut self, left: u64) {
        self.state = if left == 0 { State::Header } else { State::Content(left) };
    }

    fn header(&mut self, header: &[u8]) {
        if header.iter().all(|&byte| byte == 0) {
            self.state = State::End;
            return;
        }
        let Some(size) = number(&header[124..136]) else {
            self.state = State::Broken("a size in it is no number");
            return;
        };
        let kind = header[156];
        match kind {
            b'x' => {
                let Some(length) = usize::try_from(size).ok().filter(|length| (1..=LONGEST_RECORDS).contains(length))
                else {
                    self.state = State::Broken("what it tells of an entry is too long");
                    return;
                };
                self.state = State::Records(length, padded(size) - size);
                return;
            }
            // Of all entries, or the long name of the next.
            b'g' | b'L' | b'K' => {
                self.skip(padded(size));
                return;
            }
            _ => {}
        }
        let said = std::mem::take(&mut self.said);
        let size = said.size.unwrap_or(size);
        let name = header[..100].split(|&byte| byte == 0).next().unwrap_or_default();
        match kind {
            b'5' if matches!(name, b"." | b"./") => {}
            b'5' => self.directories += 1,
            b'0' | b'7' | 0 => {
                self.files += 1;
                self.bytes += said.real.unwrap_or(size);
            }
            _ => self.files += 1,
        }
        // Links, devices and pipes have no content, whatever their size.
        self.skip(if matches!(kind, b'1'..=b'6') { 0 } else { padded(size) });
    }
}

impl Said {
    /// "20 size=8589934592\n", one after the other.
    fn hear(&mut self, mut records: &[u8]) {
        while let Some(space) = records.iter().position(|&byte| byte == b' ') {
            let length = std::str::from_utf8(&records[..space]).ok().and_then(|text| text.parse().ok());
            let Some(record) = length.and_then(|length: usize| records.get(space + 1..length)) else { return };
            let value = |key: &[u8]| std::str::from_utf8(record.strip_prefix(key)?.trim_ascii_end()).ok()?.parse().ok();
            self.size = value(b"size=").or(self.size);
            self.real = value(b"GNU.sparse.realsize=").or_else(|| value(b"GNU.sparse.size=")).or(self.real);
            records = &records[space + 1 + record.len()..];
        }
    }
}

fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64)
}

/// Octal digits; or, where those do not suffice, the first bit and then the number itself.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (ahead, last) = field.split_at(field.len() - 8);
        let fits = ahead[0] == 0x80 && ahead[1..].iter().all(|&byte| byte == 0);
        return fits.then(|| u64::from_be_bytes(last.try_into().expect("eight were split off")));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: u8, size: &[u8], content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..124 + size.len()].copy_from_slice(size);
        block[156] = kind;
        block.extend(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    fn tallied(archive: &[u8], pieces: usize) -> Result<Vec<(String, u64)>, &'static str> {
        let (mut tally, mut counts) = (Archive::default(), Counts::new());
        archive.chunks(pieces).for_each(|piece| tally.take(piece));
        tally.end("directory", &mut counts)?;
        Ok(counts.into_iter().map(|(name, (count, _))| (name.to_string(), count)).collect())
    }

    fn archive() -> Vec<u8> {
        let holes = b"22 GNU.sparse.major=1\n30 GNU.sparse.realsize=4194305\n";
        [
            entry("./", b'5', b"00000000000\0", b""),
            entry("./a", b'5', b"00000000000\0", b""),
            entry("./a/f", b'0', b"00000001001\0", &[0; 513]),
            entry("./a/hard", b'1', b"00000001001\0", b""),
            entry("./soft", b'2', b"00000000000\0", b""),
            entry("././@LongLink", b'L', b"00000000003\0", b"abc"),
            entry("abc", b'0', &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], b"hi"),
            entry("PaxHeaders/x", b'x', b"00000000064\0", holes),
            entry("./holes", b'0', b"00000001000\0", &[7; 512]),
            vec![0; 2 * BLOCK],
        ]
        .concat()
    }

    #[test]
    fn an_archive_is_counted_in_whatever_pieces_it_comes() {
        let wanted = [("bytes".into(), 513 + 2 + 4_194_305), ("directories".into(), 1), ("files".into(), 5)];
        for pieces in [1, 7, 512, 513, 1 << 20] {
            assert_eq!(tallied(&archive(), pieces).as_deref(), Ok(&wanted[..]), "in pieces of {pieces}");
        }
    }

    #[test]
    fn an_archive_without_its_end_is_not_whole() {
        let whole = archive();
        for length in [0, 100, BLOCK, 3 * BLOCK + 40, whole.len() - 2 * BLOCK] {
            assert_eq!(tallied(&whole[..length], 64), Err("the archive breaks off"), "{length}");
        }
        let odd = entry("./a", b'0', b"none", b"");
        assert_eq!(tallied(&odd, 64), Err("a size in it is no number"));
        let endless = entry("x", b'x', b"77777777777\0", b"");
        assert_eq!(tallied(&endless, 64), Err("what it tells of an entry is too long"));
    }
}
