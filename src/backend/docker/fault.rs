//! What can go wrong on the way to an engine and back, told apart by what a person would do about it.

use std::{error::Error, fmt, io, sync::Arc};

use bollard::errors::Error as Bollard;

use super::tls;
use crate::{
    backend::{Loss, StepError},
    domain::{LossKind, Trouble, text::clean},
};

#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The way to the engine is shut or broken.
    Way { kind: LossKind, why: Arc<str>, help: Option<Arc<str>> },
    /// The engine answered, and the answer is no.
    Refused { status: u16, message: Arc<str> },
    /// The engine answered with something that makes no sense to us.
    Garbled(Arc<str>),
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

    pub fn hung(after: std::time::Duration) -> Self {
        Self::way(LossKind::Hung, format!("it accepted the connection and said nothing for {} s", after.as_secs()))
            .helped("the engine may be overloaded or stuck: systemctl status docker")
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Something of that name, or in that state, is there already.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }

    pub fn trouble(self, what: impl Into<Arc<str>>) -> Trouble {
        match self {
            Self::Way { why, help, .. } => Trouble { what: what.into(), why, help },
            Self::Refused { message, .. } => Trouble { what: what.into(), why: message, help: None },
            Self::Garbled(why) => Trouble::new(what, format!("its answer makes no sense ({why})"))
                .help("is this a Docker Engine? It must speak API 1.24 or later"),
        }
    }

    pub fn loss(self, endpoint: &str) -> Loss {
        let kind = match &self {
            Self::Way { kind, .. } => *kind,
            Self::Refused { status: 401 | 403, .. } => LossKind::Denied,
            Self::Refused { .. } | Self::Garbled(_) => LossKind::Unreachable,
        };
        Loss { kind, why: self.trouble(format!("could not reach docker at {endpoint}")) }
    }

    pub fn step(self, what: impl Into<Arc<str>>) -> StepError {
        match self {
            Self::Way { .. } => StepError::Lost(self.trouble(what)),
            Self::Refused { .. } | Self::Garbled(_) => StepError::Failed(self.trouble(what)),
        }
    }
}

impl From<Bollard> for Fault {
    fn from(error: Bollard) -> Self {
        match error {
            Bollard::DockerResponseServerError { status_code, message } => {
                Self::Refused { status: status_code, message: clean(&message).into() }
            }
            Bollard::RequestTimeoutError => {
                Self::way(LossKind::Hung, "it accepted the connection and did not answer in time")
                    .helped("the engine may be overloaded or stuck: systemctl status docker")
            }
            Bollard::JsonDataError { message, .. } => Self::Garbled(clean(&message).into()),
            Bollard::JsonSerdeError { err } => Self::Garbled(clean(&err.to_string()).into()),
            Bollard::SocketNotFoundError(_) => from_io_kind(io::ErrorKind::NotFound, "no such file"),
            error @ (Bollard::CertPathError { .. }
            | Bollard::CertParseError { .. }
            | Bollard::CertMultipleKeys { .. }) => Self::way(LossKind::Denied, error)
                .helped("look at the cluster's TLS files: ca.pem, cert.pem and key.pem"),
            // Bollard's errors are many and more with every version; what is left is told by its root.
            error => from_chain(&error),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        from_chain(&error)
    }
}

/// Hyper wraps errors several times; the words that help are at the root, the kind may be anywhere.
fn from_chain(error: &(dyn Error + 'static)) -> Fault {
    let chain: Vec<&(dyn Error + 'static)> = std::iter::successors(Some(error), |error| (*error).source()).collect();
    let root = chain.last().map_or_else(|| error.to_string(), ToString::to_string);
    if let Some(error) = of_tls(error) {
        return tls::fault(error);
    }
    let kind = chain.iter().filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind).next_back();
    match kind {
        Some(kind) => from_io_kind(kind, &root),
        None if chain.iter().any(|error| error.to_string().contains("invalid HTTP")) => {
            Fault::Garbled(clean(&root).into())
        }
        None if chain
            .iter()
            .any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)) =>
        {
            Fault::way(LossKind::Unreachable, "the connection ended before anything was asked")
        }
        None => Fault::way(LossKind::Unreachable, root),
    }
}

/// What is wrapped into an error of I/O is not among its sources.
pub fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || error.downcast_ref::<io::Error>()?.get_ref().and_then(|inner| of_tls(inner));
    error.downcast_ref().or_else(wrapped).or_else(|| error.source().and_then(of_tls))
}

fn from_io_kind(kind: io::ErrorKind, root: &str) -> Fault {
    match kind {
        io::ErrorKind::PermissionDenied => Fault::way(LossKind::Denied, "permission denied")
            .helped("you are not in the group \"docker\": sudo usermod -aG docker $USER, then sign in again"),
        io::ErrorKind::NotFound => Fault::way(LossKind::Unreachable, "no such file")
            .helped("is the engine installed and running? systemctl start docker"),
        io::ErrorKind::ConnectionRefused => Fault::way(LossKind::Unreachable, "connection refused")
            .helped("nobody listens there: systemctl start docker"),
        io::ErrorKind::TimedOut => Fault::way(LossKind::Unreachable, "the network did not answer in time"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            Fault::way(LossKind::Unreachable, "the connection broke")
        }
        // Kinds come with the standard library; the words of the root tell these.
        _ => Fault::way(LossKind::Unreachable, root),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_denied_names_the_group_as_a_person_needs_it() {
        let loss = Fault::from(io::Error::from(io::ErrorKind::PermissionDenied)).loss("unix:///var/run/docker.sock");
        assert_eq!(loss.kind, LossKind::Denied);
        assert_eq!(
            loss.why.to_string(),
            "could not reach docker at unix:///var/run/docker.sock: permission denied\n  you are not in the group \
             \"docker\": sudo usermod -aG docker $USER, then sign in again"
        );
    }

    #[test]
    fn a_missing_socket_asks_whether_the_engine_runs() {
        let loss = Fault::from(Bollard::SocketNotFoundError("/x.sock".into())).loss("unix:///x.sock");
        assert_eq!((loss.kind, &*loss.why.why), (LossKind::Unreachable, "no such file"));
        assert!(loss.why.help.expect("helps").contains("systemctl start docker"));
    }

    #[test]
    fn what_the_engine_refuses_is_a_failed_step_and_a_broken_link_is_a_lost_one() {
        let no = Bollard::DockerResponseServerError { status_code: 409, message: "in \u{1b}[31muse".into() };
        assert!(
            matches!(Fault::from(no).step("x"), StepError::Failed(trouble) if &*trouble.why == "in \u{fffd}[31muse")
        );
        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(matches!(Fault::from(broken).step("x"), StepError::Lost(_)));
    }

    #[test]
    fn an_expired_certificate_is_told_apart_from_a_wrong_one() {
        let of = |error| match Fault::from(io::Error::other(rustls::Error::InvalidCertificate(error))) {
            Fault::Way { kind, .. } => kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(rustls::CertificateError::Expired), LossKind::Expired);
        assert_eq!(of(rustls::CertificateError::UnknownIssuer), LossKind::Denied);
    }
}
