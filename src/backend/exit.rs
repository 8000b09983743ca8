//! What an exit code means, in words.

use crate::domain::units;

/// "exit 137 (out of memory, limit 128Mi)", "exit 127 (command not found)", "exit 1".
pub fn words(code: i64, out_of_memory: bool, memory_limit: Option<u64>) -> String {
    match meaning(code, out_of_memory, memory_limit) {
        Some(meaning) => format!("exit {code} ({meaning})"),
        None => format!("exit {code}"),
    }
}

/// `None` where the number says no more than that the program was not content.
fn meaning(code: i64, out_of_memory: bool, memory_limit: Option<u64>) -> Option<String> {
    if out_of_memory {
        return Some(match memory_limit {
            Some(limit) => format!("out of memory, limit {}", units::bytes(limit)),
            None => "out of memory".into(),
        });
    }
    let meaning = match code {
        0 => "ended well",
        125 => "the engine could not start it",
        126 => "the command cannot be run",
        127 => "command not found",
        129..=159 => return signal(code - 128).map(str::to_owned).or_else(|| Some(format!("signal {}", code - 128))),
        _ => return None,
    };
    Some(meaning.into())
}

/// Linux, `signal(7)`.
fn signal(number: i64) -> Option<&'static str> {
    Some(match number {
        1 => "hung up, SIGHUP",
        2 => "interrupted, SIGINT",
        3 => "quit, SIGQUIT",
        4 => "illegal instruction, SIGILL",
        6 => "aborted, SIGABRT",
        7 => "bus error, SIGBUS",
        8 => "arithmetic error, SIGFPE",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe, SIGPIPE",
        15 => "terminated",
        24 => "CPU time limit, SIGXCPU",
        25 => "file size limit, SIGXFSZ",
        31 => "forbidden system call, SIGSYS",
        _ => return None,
    })
}

/// The usual ends of a program that was asked to stop: SIGINT, SIGKILL after its grace, SIGTERM.
pub fn looks_stopped(code: i64) -> bool {
    matches!(code, 0 | 130 | 137 | 143)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_told_with_what_it_means() {
        assert_eq!(words(1, false, None), "exit 1");
        assert_eq!(words(127, false, None), "exit 127 (command not found)");
        assert_eq!(words(126, false, None), "exit 126 (the command cannot be run)");
        assert_eq!(words(139, false, None), "exit 139 (segmentation fault)");
        assert_eq!(words(143, false, None), "exit 143 (terminated)");
        assert_eq!(words(137, false, Some(1 << 27)), "exit 137 (killed)");
        assert_eq!(words(128 + 30, false, None), "exit 158 (signal 30)");
    }

    #[test]
    fn out_of_memory_names_the_limit_where_there_is_one() {
        assert_eq!(words(137, true, Some(128 << 20)), "exit 137 (out of memory, limit 128Mi)");
        assert_eq!(words(137, true, None), "exit 137 (out of memory)");
    }
}
