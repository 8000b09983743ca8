//! Reads a tar as Go writes it: ustar, with names that are too long in PAX records, or GNU's. Pure.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// bytes of a file in it: no server of Kubernetes keeps a larger object
const LARGEST: u64 = 32 << 20;

/// Each plain file, with its path. One that is not whole, or no tar, is an error.
pub fn each(mut tar: impl Read, mut file: impl FnMut(&str, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut long_name = None;
    let mut header = [0; BLOCK];
    loop {
        tar.read_exact(&mut header)?;
        // Two empty blocks are the end; one is enough to know.
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let size = size(&header)?;
        let mut body = vec![0; size];
        tar.read_exact(&mut body)?;
        io::copy(&mut (&mut tar).take((size.next_multiple_of(BLOCK) - size) as u64), &mut io::sink())?;
        match header[156] {
            b'x' => long_name = pax_path(&body).or(long_name),
            b'L' => long_name = Some(text(&body)),
            b'0' | 0 => file(&long_name.take().unwrap_or_else(|| name(&header)), &body)?,
            // Folders, links, and what is said of all that follows.
            _ => long_name = None,
        }
    }
}

fn size(header: &[u8; BLOCK]) -> io::Result<usize> {
    let digits = text(&header[124..136]);
    let size = u64::from_str_radix(digits.trim(), 8).map_err(|_| io::Error::other("that is no tar"))?;
    if size > LARGEST {
        return Err(io::Error::other("a file in it is too large for an object"));
    }
    usize::try_from(size).map_err(io::Error::other)
}

fn name(header: &[u8; BLOCK]) -> String {
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    let is_ustar = &header[257..263] == b"ustar\0";
    if is_ustar && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
}

/// Up to the first NUL.
fn text(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Records of `30 path=...\n`, each with its own length before it.
fn pax_path(records: &[u8]) -> Option<String> {
    let mut rest = records;
    while let Some(space) = memchr::memchr(b' ', rest) {
        let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        let record = rest.get(space + 1..length)?;
        if let Some(path) = record.strip_prefix(b"path=") {
            return Some(String::from_utf8_lossy(path.strip_suffix(b"\n")?).into_owned());
        }
        rest = &rest[length..];
    }
    None
}

/// One file, by the rules above.
#[cfg(test)]
pub fn fixture(path: &str, body: &[u8]) -> Vec<u8> {
    let entry = |kind: u8, path: &[u8], body: &[u8]| {
        let mut entry = vec![0; BLOCK];
        entry[..path.len()].copy_from_slice(path);
        entry[124..135].copy_from_slice(format!("{:011o}", body.len()).as_bytes());
        entry[156] = kind;
        entry[257..263].copy_from_slice(b"ustar\0");
        entry.extend(body);
        entry.resize(entry.len().next_multiple_of(BLOCK), 0);
        entry
    };
    if path.len() <= 100 {
        return entry(b'0', path.as_bytes(), body);
    }
    let unnumbered = format!(" path={path}\n");
    let length = unnumbered.len() + 3;
    let record = format!("{length}{unnumbered}");
    [entry(b'x', b"PaxHeaders.0/long", record.as_bytes()), entry(b'0', &path.as_bytes()[..100], body)].concat()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn read(tar: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        each(tar, |path, body| {
            files.push((path.to_owned(), body.to_vec()));
            Ok(())
        })?;
        Ok(files)
    }

    #[test]
    fn long_names_and_empty_files_are_read() {
        let long = format!("resources/{}/x.json", "d".repeat(120));
        let tar = [fixture("empty", b""), fixture(&long, b"{}"), fixture("short", b"{}"), vec![0; 1024]].concat();
        let names: Vec<String> = read(&tar).expect("files").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["empty", long.as_str(), "short"]);
    }

    #[test]
    fn what_is_cut_off_or_no_tar_is_an_error() {
        let whole = [fixture("a", &[7; 700]), vec![0; 1024]].concat();
        assert!(read(&whole[..900]).is_err() && read(&whole[..1536]).is_err());
        assert!(read(&[b'x'; 2048]).is_err());
    }

    #[test]
    fn what_tar_itself_writes_is_read_in_each_of_its_formats() {
        let files = tempfile::tempdir().expect("a directory");
        let folder = files.path().join("resources/deployments.apps/namespaces").join("n".repeat(60));
        std::fs::create_dir_all(&folder).expect("made");
        let name = format!("{}.json", "w".repeat(60));
        std::fs::write(folder.join(&name), "{\"kind\":1}").expect("written");
        for format in ["ustar", "pax", "gnu"] {
            let mut tar = Command::new("tar");
            tar.args(["--format", format, "-c", "resources"]).current_dir(files.path()).stderr(Stdio::inherit());
            let made = tar.output().expect("tar runs");
            let all = read(&made.stdout).unwrap_or_else(|error| panic!("{format}: {error}"));
            let expected = format!("resources/deployments.apps/namespaces/{}/{name}", "n".repeat(60));
            assert_eq!(all, [(expected, b"{\"kind\":1}".to_vec())], "{format}");
        }
    }
}
