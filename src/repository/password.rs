//! The repository's password: from where it is kept to the library, and nowhere else.

use std::{fmt, process::Command, sync::Arc};

use crate::{
    config::backup::PasswordSource,
    domain::{Trouble, text::clean},
};

/// Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Arc<str>);

impl Password {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// Reads it anew each time: whoever changed it does not want the old one kept.
    pub fn from(source: &PasswordSource) -> Result<Self, Trouble> {
        let failed = |why: String| {
            Trouble::new("could not get the repository's password", why)
                .help("see [backup] in the config: password_file, password_command or password_env")
        };
        let text = match source {
            PasswordSource::File(path) => {
                std::fs::read_to_string(path).map_err(|error| failed(format!("{}: {error}", path.display())))?
            }
            PasswordSource::Environment(name) => {
                std::env::var(&**name).map_err(|_| failed(format!("the variable {name} is not set to a text")))?
            }
            PasswordSource::Command(command) => {
                let output = Command::new("sh").arg("-c").arg(&**command).stdin(std::process::Stdio::null()).output();
                let output = output.map_err(|error| failed(format!("sh: {error}")))?;
                if !output.status.success() {
                    let said = String::from_utf8_lossy(&output.stderr);
                    let said = clean(said.trim());
                    return Err(failed(format!("its command ended with {}: {said}", output.status)));
                }
                String::from_utf8(output.stdout).map_err(|_| failed("its command printed no text".into()))?
            }
        };
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Self::new(line)),
            Some(_) | None => Err(failed("it is empty".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PasswordSource as Source, *};

    #[test]
    fn it_comes_from_a_file_or_a_command_and_is_never_shown() {
        let files = tempfile::tempdir().expect("a directory");
        let path = files.path().join("password");
        std::fs::write(&path, "hunter2\nand a note\n").expect("it is written");
        let of_file = Password::from(&Source::File(path)).expect("it is there");
        let of_command = Password::from(&Source::Command("echo hunter2".into())).expect("it is printed");
        assert_eq!((of_file.reveal(), of_command.reveal()), ("hunter2", "hunter2"));
        assert!(!format!("{of_file:?}").contains("hunter2"));
    }

    #[test]
    fn where_there_is_none_it_is_told_why() {
        for (source, says) in [
            (Source::File("/nowhere/password".into()), "/nowhere/password: No such file"),
            (Source::Command("echo no such vault >&2; exit 3".into()), "exit status: 3: no such vault"),
            (Source::Command("true".into()), "it is empty"),
            (Source::Environment("MIDWATCH_NO_SUCH".into()), "MIDWATCH_NO_SUCH is not set"),
        ] {
            let trouble = Password::from(&source).expect_err("there is none");
            assert!(trouble.why.contains(says), "{trouble}");
        }
    }
}
