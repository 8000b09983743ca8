//! Where a URL leads that is asked from here: one rule for what is typed and for what is asked.

use http::Uri;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress {
    pub is_secure: bool,
    pub host: String,
    pub port: u16,
    /// And query.
    pub path: String,
}

impl WebAddress {
    /// Or why it is none that can be asked, in words that never repeat it: it may hold a password.
    pub fn of(url: &str) -> Result<Self, String> {
        let uri: Uri = url.trim().parse().map_err(|error| format!("that is no URL: {error}"))?;
        let is_secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return Err("that is not asked: only http:// and https:// are".into()),
        };
        let authority = uri.authority().ok_or("that is no URL: it names no host")?;
        if authority.as_str().contains('@') {
            return Err("a URL with a name and a password in it is not asked: a plan is written down".into());
        }
        Ok(Self {
            is_secure,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}
