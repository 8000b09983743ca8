//! Why the API server did not do what it was asked: from its answers and kube's errors to words, told apart by what a person would do.

use std::{error::Error, fmt, io, sync::Arc};

use kube::client::AuthError;
use serde::Deserialize;

use super::{refusal, tls};
use crate::{
    backend::Loss,
    domain::{LossKind, Trouble, text::clean},
};

const IS_IT_UP: &str = "is the cluster up, and does the way to it need a VPN or a tunnel?";
const SEE_PROXY: &str = "see proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY";

#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The way to the server broke, or there never was one.
    Way { kind: LossKind, why: Arc<str>, help: Option<Arc<str>> },
    /// It answered with an error: the HTTP status, the reason's short name (`Forbidden`), and what it says.
    Refused { code: u16, reason: Arc<str>, message: Arc<str> },
    /// What it said could not be understood.
    Garbled(Arc<str>),
}

/// `metav1.Status`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    pub code: u16,
    pub reason: String,
    pub message: String,
}

impl Fault {
    pub fn way(kind: LossKind, why: impl fmt::Display) -> Self {
        Self::Way { kind, why: clean(&why.to_string()).into(), help: None }
    }

    pub fn helped(self, more: impl Into<Arc<str>>) -> Self {
        match self {
            Self::Way { kind, why, help: None } => Self::Way { kind, why, help: Some(more.into()) },
            Self::Way { .. } | Self::Refused { .. } | Self::Garbled(_) => self,
        }
    }

    pub fn refused(parts: &http::response::Parts, said: &[u8]) -> Self {
        let status = serde_json::from_slice(said).unwrap_or_else(|_| {
            let message = String::from_utf8_lossy(said).chars().take(200).collect::<String>();
            // A page for a browser is of a proxy, and says nothing that helps here.
            let is_page = message.trim_start().starts_with('<');
            Status { message: if is_page { String::new() } else { message }, ..Status::default() }
        });
        Self::status(parts.status.as_u16(), &status)
    }

    pub fn status(code: u16, status: &Status) -> Self {
        Self::Refused { code, reason: clean(&status.reason).into(), message: clean(status.message.trim()).into() }
    }

    /// Of a connection that was good: credentials that are refused now were taken before.
    pub fn loss(&self, endpoint: &str) -> Loss {
        let kind = match self {
            Self::Way { kind, .. } => *kind,
            Self::Refused { code: 401, .. } => LossKind::Expired,
            Self::Refused { code: 403, .. } => LossKind::Denied,
            Self::Refused { .. } | Self::Garbled(_) => LossKind::Unreachable,
        };
        Loss { kind, why: self.trouble(format!("could not reach {endpoint}")) }
    }

    /// Of the first connection: whether the credentials were good once, nobody knows.
    pub fn first_loss(&self, endpoint: &str) -> Loss {
        let loss = self.loss(endpoint);
        if !self.is_unauthorized() {
            return loss;
        }
        let why = "the server does not accept these credentials: they are wrong, or have expired";
        Loss { kind: LossKind::Denied, why: Trouble { why: why.into(), ..loss.why } }
    }

    pub fn trouble(&self, what: impl Into<Arc<str>>) -> Trouble {
        match self {
            Self::Way { why, help, .. } => Trouble { what: what.into(), why: why.clone(), help: help.clone() },
            Self::Refused { code, message, .. } => {
                let (why, help) = refusal::words(*code, message);
                Trouble { what: what.into(), why, help }
            }
            Self::Garbled(why) => Trouble::new(what, format!("its answer could not be understood: {why}")),
        }
    }

    /// It no longer knows the resource version, or the page: everything must be listed again.
    pub fn is_too_old(&self) -> bool {
        matches!(self, Self::Refused { code: 410, .. })
    }

    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { code: 403, .. })
    }

    /// It does not know who asks.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused { code: 401, .. })
    }

    /// It asks to be asked again later.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused { code: 429 | 500 | 503 | 504, .. })
    }
}

impl From<kube::Error> for Fault {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused {
                code: status.code,
                reason: clean(&status.reason).into(),
                message: clean(&status.message).into(),
            },
            kube::Error::SerdeError(error) => Self::Garbled(error.to_string().into()),
            kube::Error::Auth(error) => of_auth(&error),
            error @ kube::Error::ProxyProtocolUnsupported { .. } => {
                Self::way(LossKind::Denied, error).helped("write an http://, https:// or socks5:// proxy")
            }
            error @ (kube::Error::RustlsTls(_) | kube::Error::InferKubeconfig(_)) => Self::way(LossKind::Denied, error)
                .helped("look at the certificates and keys that the kubeconfig names for this context"),
            // kube's errors are many and more with every version; what is left is told by what it wraps.
            error => of_chain(&error),
        }
    }
}

/// Hyper and kube wrap errors several times; the words that help are at the root, what tells them apart may be anywhere.
fn of_chain(error: &(dyn Error + 'static)) -> Fault {
    let chain = chain(error);
    let find = |text: &str| chain.iter().any(|error| error.to_string().contains(text));
    if let Some(error) = chain.iter().find_map(|error| error.downcast_ref::<AuthError>()) {
        return of_auth(error);
    }
    if let Some(error) = chain.iter().find_map(|error| error.downcast_ref::<rustls::Error>()) {
        return tls::fault(error);
    }
    if find("proxy authorization required") {
        return Fault::way(LossKind::Denied, "the proxy wants a user and a password").helped(SEE_PROXY);
    }
    if find("tunnel error: unsuccessful") {
        return Fault::way(LossKind::Unreachable, "the proxy does not connect to it").helped(SEE_PROXY);
    }
    if find("dns error") || find("failed to lookup address information") {
        return Fault::way(LossKind::Unreachable, "its name is not known (DNS)")
            .helped("is the server in the kubeconfig right, and does its name need a VPN?");
    }
    let root = chain.last().map_or_else(|| error.to_string(), ToString::to_string);
    if find("invalid HTTP") || find("unexpected message from connection") {
        return Fault::way(LossKind::Unreachable, "what answers there is no API server").helped(tls::SCHEME);
    }
    let fault = match chain.iter().filter_map(|error| error.downcast_ref::<io::Error>()).next_back() {
        Some(error) => of_io(error, &root),
        None => Fault::way(LossKind::Unreachable, root),
    };
    if find("tunnel error") || find("SOCKS error") {
        let Fault::Way { why, .. } = &fault else { return fault };
        return Fault::way(LossKind::Unreachable, format!("the proxy: {why}")).helped(SEE_PROXY);
    }
    fault
}

fn of_io(error: &io::Error, root: &str) -> Fault {
    let way = |why: &str| Fault::way(LossKind::Unreachable, why);
    match error.kind() {
        io::ErrorKind::ConnectionRefused => way("connection refused").helped(IS_IT_UP),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            way("there is no route to it").helped("is the network up, and does the way to it need a VPN?")
        }
        io::ErrorKind::TimedOut => way("the network did not answer in time").helped(IS_IT_UP),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => way("the connection broke"),
        // Kinds come with the standard library; the words of the root tell these.
        _ => way(root),
    }
}

/// What kube itself does to sign in: files of tokens, and OIDC. Its errors quote output and files that hold secrets, so only the
/// harmless ones are told as they are.
fn of_auth(error: &AuthError) -> Fault {
    const AGAIN: &str = "sign in again, as you do for kubectl";
    match error {
        AuthError::ReadTokenFile(error, path) => {
            Fault::way(LossKind::Denied, format!("the token in {} cannot be read: {error}", path.display()))
        }
        AuthError::Oidc(_) => {
            let root = chain(error).last().map_or_else(String::new, ToString::to_string);
            Fault::way(LossKind::Expired, format!("the OIDC sign-in could not be renewed: {root}")).helped(AGAIN)
        }
        AuthError::AuthExec(why) => Fault::way(LossKind::Denied, why).helped("use an exec plugin instead"),
        AuthError::InvalidBearerToken(_) | AuthError::InvalidBasicAuth(_) => {
            Fault::way(LossKind::Denied, "the token or password holds characters that cannot be sent")
                .helped("is there a line break in it?")
        }
        // Others come of plugins, which are ours to run.
        _ => Fault::way(LossKind::Expired, "signing in failed").helped(AGAIN),
    }
}

/// What an error of I/O wraps is not among its sources.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    }
    std::iter::successors(Some(error), |error| below(*error)).collect()
}

#[cfg(test)]
mod tests;
