//! What is done inside a proxy, as shell scripts that need nothing but `sh`, `cat` and nginx, and what they say.

/// `sh -c CHANGE midwatch FILE MARK nginx ...`; reads the file as it should be, MARK, as it is to become, MARK. One call does it all: it
/// goes on to its end, and puts back what fails its test, also when nobody listens any more. The copy on disk is for a person, should the
/// machine die between two of its lines, or should the file take nothing any more.
pub const CHANGE: &str = r#"
LC_ALL=C; export LC_ALL
file=$1 mark=$2 copy= kept=; shift 2
say() { printf 'midwatch:%s\n' "$1"; }
put() { printf '%s' "$1" >"$file"; }
all=$(cat; printf x); all=${all%x}
case $all in *"$mark"*"$mark") ;; *) say cut; exit 0 ;; esac
all=${all%"$mark"}
old=${all%%"$mark"*} new=${all#*"$mark"}
now=$(cat "$file" && printf x) || { say unreadable; exit 0; }
now=${now%x}
back() { [ "$now" = "$new" ] || put "$now" || { kept=1; say "broken $copy"; }; }
if [ "$now" != "$new" ]; then
  [ "$now" = "$old" ] || { say changed; exit 0; }
  copy=/tmp/midwatch-$$.conf
  (umask 077; set -C; printf '%s' "$now" >"$copy") 2>/dev/null || copy=
  put "$new" || { back; say unwritable; exit 0; }
fi
if ! words=$("$@" -t 2>&1); then
  back; say refused; printf '%s\n' "$words"
else
  say "workers$(workers)"
  if words=$("$@" -s reload 2>&1); then say reloaded; else back; say unheard; printf '%s\n' "$words"; fi
fi
[ -n "$kept" ] || [ -z "$copy" ] || rm -f "$copy" 2>/dev/null
exit 0
"#;

/// `sh -c RELOAD midwatch nginx ...`: what it reads is as it was, and may have other names in it by now.
pub const RELOAD: &str = r#"
LC_ALL=C; export LC_ALL
say() { printf 'midwatch:%s\n' "$1"; }
if ! words=$("$@" -t 2>&1); then
  say refused; printf '%s\n' "$words"; exit 0
fi
say "workers$(workers)"
if words=$("$@" -s reload 2>&1); then say reloaded; else say unheard; printf '%s\n' "$words"; fi
exit 0
"#;

/// ` PID/PARENT` of each worker that takes connections.
pub const WORKERS: &str = r#"
workers() {
  for process in /proc/[0-9]*; do
    [ "$(cat "$process/cmdline" 2>/dev/null)" = "nginx: worker process" ] || continue
    { read -r pid name state parent rest <"$process/stat"; } 2>/dev/null && printf ' %s' "$pid/$parent"
  done
}
"#;

/// `sh -c WRITABLE midwatch FILE...`: those that cannot be written to.
pub const WRITABLE: &str = r#"for file; do (: >>"$file") 2>/dev/null || printf '%s\n' "$file"; done; exit 0"#;

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is told to read the new text; these worked by the old one.
    Reloaded(Vec<Worker>),
    /// Nothing was changed, or it was put back; nginx's own words, if it was asked.
    Refused(String),
    Unheard(String),
    Changed,
    Unwritable,
    Unreadable,
    /// The connection broke before all was read; nothing was changed.
    Cut,
    /// It could not even be put back. Where the copy is, if there is one.
    Broken(Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    pub pid: u32,
    pub parent: u32,
}

pub fn outcome(output: &str) -> Option<Outcome> {
    let mut workers = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        let Some(said) = line.strip_prefix("midwatch:") else { continue };
        let rest = || lines.clone().collect::<Vec<_>>().join("\n");
        let (word, what) = said.split_once(' ').unwrap_or((said, ""));
        return Some(match word {
            "workers" => {
                workers = read_workers(what);
                continue;
            }
            "reloaded" => Outcome::Reloaded(workers),
            "refused" => Outcome::Refused(rest()),
            "unheard" => Outcome::Unheard(rest()),
            "changed" => Outcome::Changed,
            "unwritable" => Outcome::Unwritable,
            "unreadable" => Outcome::Unreadable,
            "cut" => Outcome::Cut,
            "broken" => Outcome::Broken(Some(what.to_owned()).filter(|copy| !copy.is_empty())),
            _ => return None,
        });
    }
    None
}

pub fn read_workers(text: &str) -> Vec<Worker> {
    let one = |word: &str| {
        let (pid, parent) = word.split_once('/')?;
        Some(Worker { pid: pid.parse().ok()?, parent: parent.parse().ok()? })
    };
    text.split_whitespace().filter_map(one).collect()
}

/// All of one nginx's workers are others now. (In a shared process namespace there may be several.)
pub fn has_renewed(before: &[Worker], now: &[Worker]) -> bool {
    before.iter().any(|old| {
        let of_it = |worker: &&Worker| worker.parent == old.parent;
        let stays = |worker: &Worker| before.contains(worker);
        now.iter().any(|worker| of_it(&worker)) && !now.iter().filter(of_it).any(stays)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_says_is_read_with_nginxs_own_words() {
        let refused = "midwatch:refused\nnginx: [emerg] unknown directive \"x\" in /etc/a:2\nnginx: test failed\n";
        let words = "nginx: [emerg] unknown directive \"x\" in /etc/a:2\nnginx: test failed";
        assert_eq!(outcome(refused), Some(Outcome::Refused(words.into())));
        let workers = vec![Worker { pid: 8, parent: 1 }, Worker { pid: 9, parent: 1 }];
        assert_eq!(outcome("midwatch:workers 8/1 9/1\nmidwatch:reloaded\n"), Some(Outcome::Reloaded(workers)));
        assert_eq!(outcome("midwatch:broken /tmp/x\nmidwatch:refused\n"), Some(Outcome::Broken(Some("/tmp/x".into()))));
        assert_eq!(outcome("midwatch:workers 8/1\n"), None);
        assert_eq!(outcome(""), None);
    }

    #[test]
    fn the_copy_of_what_could_not_be_put_back_is_kept_for_a_person() {
        let files = tempfile::tempdir().expect("a directory");
        let (file, nginx) = (files.path().join("a.conf"), files.path().join("nginx"));
        std::fs::write(&file, "old").expect("it is written");
        // It fails its test, and nothing can be written to the file from then on.
        let trap = "#!/bin/sh\nrm \"$0.file\"; mkdir \"$0.file\"; echo no; exit 1\n"
            .replace("$0.file", &file.display().to_string());
        std::fs::write(&nginx, trap).expect("it is written");
        let script = [WORKERS, CHANGE].concat();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, "midwatch"]).arg(&file).args(["#mark#", "sh"]).arg(&nginx);
        // What is called so where it runs is nobody's copy.
        let innocent = files.path().join("innocent");
        std::fs::write(&innocent, "").expect("it is written");
        command.env("copy", &innocent).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut running = command.spawn().expect("it runs");
        let mut input = running.stdin.take().expect("it has one");
        std::io::Write::write_all(&mut input, b"old#mark#new#mark#").expect("it reads");
        drop(input);
        let output = running.wait_with_output().expect("it ends").stdout;
        let said = String::from_utf8_lossy(&output).into_owned();
        let Some(Outcome::Broken(Some(copy))) = outcome(&said) else { panic!("{said}") };
        assert_eq!(std::fs::read_to_string(&copy).ok().as_deref(), Some("old"), "{copy}");
        assert!(innocent.exists());
        _ = std::fs::remove_file(copy);
    }

    #[test]
    fn a_proxy_has_renewed_when_no_worker_of_one_nginx_is_an_old_one() {
        let before = read_workers(" 8/1 9/1 30/20");
        assert!(!has_renewed(&before, &read_workers("8/1 9/1 30/20")));
        assert!(!has_renewed(&before, &read_workers("9/1 10/1 30/20")));
        assert!(!has_renewed(&before, &read_workers("30/20")));
        assert!(has_renewed(&before, &read_workers("10/1 11/1 30/20")));
    }
}
