//! Where a repository of backups is, in restic's own notation, so that what is given to one program can be given to the other.

use std::{fmt, path::PathBuf, str::FromStr};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Local(PathBuf),
    S3(Bucket),
    /// restic's rest-server: the URL.
    Rest(String),
    /// What the rclone program reaches: `remote:path`.
    Rclone(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// `https://s3.eu-central-1.amazonaws.com`, without a slash at its end.
    pub endpoint: String,
    pub name: String,
    /// The folder in it, without slashes around it; empty for none.
    pub folder: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3:") {
            return bucket(rest).map(Self::S3);
        }
        if let Some(url) = text.strip_prefix("rest:") {
            return match url.split_once("://") {
                Some(("http" | "https", host)) if !host.is_empty() => Ok(Self::Rest(url.into())),
                _ => Err(format!("'{text}' has no address: rest:https://HOST:PORT/PATH")),
            };
        }
        if let Some(remote) = text.strip_prefix("rclone:") {
            return match remote.split_once(':') {
                Some((name, _)) if !name.is_empty() => Ok(Self::Rclone(remote.into())),
                _ => Err(format!("'{text}' names no remote of rclone's: rclone:REMOTE:PATH")),
            };
        }
        let path = text.strip_prefix("local:").unwrap_or(text);
        let scheme = path.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| !scheme.contains('/'));
        match scheme {
            Some(scheme @ ("sftp" | "b2" | "azure" | "gs" | "swift")) => Err(format!(
                "'{scheme}:' is not reached directly: set it up in rclone, and give rclone:REMOTE:PATH (a path with a colon begins with ./)"
            )),
            Some(scheme) => Err(format!(
                "'{scheme}:' is no kind of repository: a path, s3:, rest: and rclone: are (a path with a colon begins with ./)"
            )),
            None if path.is_empty() => Err("it is empty: a path, s3:…, rest:… or rclone:…".into()),
            None => Ok(Self::Local(path.into())),
        }
    }
}

/// `s3.amazonaws.com/bucket/folder`, `https://host:9000/bucket/folder`.
fn bucket(text: &str) -> Result<Bucket, String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some((scheme, _)) => return Err(format!("'s3:{scheme}:' is not http or https")),
        None => ("https", text),
    };
    let mut parts = rest.trim_matches('/').splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(name), folder) if !host.is_empty() && !name.is_empty() => Ok(Bucket {
            endpoint: format!("{scheme}://{host}"),
            name: name.into(),
            folder: folder.unwrap_or_default().trim_matches('/').into(),
        }),
        _ => Err(format!("'s3:{text}' names no bucket: s3:HOST/BUCKET/FOLDER or s3:https://HOST/BUCKET/FOLDER")),
    }
}

impl fmt::Display for Place {
    /// As it can be given to restic; a password in an address is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::S3(Bucket { endpoint, name, folder }) if folder.is_empty() => write!(f, "s3:{endpoint}/{name}"),
            Self::S3(Bucket { endpoint, name, folder }) => write!(f, "s3:{endpoint}/{name}/{folder}"),
            Self::Rest(url) => write!(f, "rest:{}", without_password(url)),
            Self::Rclone(remote) => write!(f, "rclone:{remote}"),
        }
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host_ends = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(host_ends);
    match host.rsplit_once('@') {
        Some((user, host)) => {
            format!("{scheme}://{}@{host}{path}", user.split_once(':').map_or(user, |(user, _)| user))
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn places_are_written_as_for_restic() {
        assert_eq!(place("/srv/backups"), Place::Local("/srv/backups".into()));
        assert_eq!(place("local:backups"), Place::Local("backups".into()));
        assert_eq!(place("./a:b"), Place::Local("./a:b".into()));
        let bucket = Bucket { endpoint: "https://s3.example.com".into(), name: "shop".into(), folder: "a/b".into() };
        assert_eq!(place("s3:s3.example.com/shop/a/b/"), Place::S3(bucket.clone()));
        assert_eq!(place("s3:https://s3.example.com/shop/a/b"), Place::S3(bucket));
        assert_eq!(place("rest:https://ann:hunter2@host:8000/shop").to_string(), "rest:https://ann@host:8000/shop");
        assert_eq!(place("rclone:box:shop"), Place::Rclone("box:shop".into()));
        for text in ["/srv/backups", "s3:http://127.0.0.1:9000/shop", "rest:http://host:8000/", "rclone:box:shop"] {
            assert_eq!(place(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_told_with_what_would_be_one() {
        for (text, says) in [
            ("", "is empty"),
            ("s3:host", "names no bucket"),
            ("s3:ftp://host/shop", "is not http or https"),
            ("rest:host:8000", "has no address"),
            ("rclone:box", "names no remote"),
            ("sftp:host:/srv", "set it up in rclone"),
            ("http://host/", "is no kind of repository"),
        ] {
            let why = text.parse::<Place>().expect_err(text);
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
