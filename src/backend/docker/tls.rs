//! TLS to an engine: whether our files are of use, before they are tried, and what went wrong, in the words of who has to mend it.

use std::{io, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    sign::CertifiedKey,
};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::fault::{Fault, of_tls};
use crate::{config::Tls, domain::LossKind};

/// How long an engine that does not take our certificate is given to say so.
const OBJECTS_WITHIN: Duration = Duration::from_secs(5);

/// Bollard reads the files itself, and shows up without a certificate where it cannot.
pub fn check(tls: &Tls) -> Result<(), Fault> {
    if let Some(ca) = &tls.ca {
        certificates(ca)?;
    }
    let chain = certificates(&tls.certificate)?;
    CertifiedKey::from_der(chain, key(tls)?, &aws_lc_rs::default_provider()).map(drop).map_err(|error| match error {
        Error::InconsistentKeys(_) => useless(&tls.key, &format!("is not the key of {}", tls.certificate.display())),
        error => useless(&tls.key, &format!("cannot be used: {error}")),
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| useless(path, "holds no certificate"))
}

fn key(tls: &Tls) -> Result<PrivateKeyDer<'static>, Fault> {
    PrivateKeyDer::from_pem_slice(&read(&tls.key)?).map_err(|_| useless(&tls.key, "holds no private key"))
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| useless(path, &format!("cannot be read: {error}")))
}

fn useless(path: &Path, why: &str) -> Fault {
    Fault::way(LossKind::Denied, format!("{} {why}", path.display())).helped("look at the cluster's TLS files")
}

/// What the engine holds against our certificate, `None` if it does not say. With TLS 1.3 it says so when the handshake is over for us; a
/// question that is on its way by then makes the connection break, and the words can be lost. So nothing is asked here, only listened.
/// Listening costs the whole time with an engine that has nothing to object.
pub async fn objection(address: &str, tls: &Tls) -> Option<Fault> {
    let config = ours(tls)?;
    let error = timeout(OBJECTS_WITHIN, listen(address, config)).await.ok()?.err()?;
    of_tls(&error).map(fault)
}

async fn listen(address: &str, config: ClientConfig) -> io::Result<()> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = TcpStream::connect(address).await?;
    let mut secured = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    secured.read(&mut [0]).await.map(drop)
}

/// Us as bollard shows us to the engine, with files that were found to be of use.
fn ours(tls: &Tls) -> Option<ClientConfig> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = &tls.ca {
        trusted.add_parsable_certificates(certificates(ca).ok()?);
    }
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(trusted)
        .with_client_auth_cert(certificates(&tls.certificate).ok()?, key(tls).ok()?)
        .ok()
}

/// What the two sides hold against each other's certificates.
pub fn fault(error: &Error) -> Fault {
    const RENEW: &str = "a TLS certificate has run out and must be made anew";
    const SIGNED: &str = "it must be signed by a CA that the engine knows, and be for a client";
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            Fault::way(LossKind::Expired, format!("the engine's certificate ran out on {}", day(not_after)))
                .helped(RENEW)
        }
        Error::InvalidCertificate(CertificateError::Expired) => {
            Fault::way(LossKind::Expired, "the engine's certificate has run out").helped(RENEW)
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            Fault::way(LossKind::Denied, "the engine's certificate is not valid yet")
                .helped("is one of the clocks wrong?")
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Fault::way(LossKind::Denied, "the engine's certificate is signed by a CA that is not known here")
                .helped("the engine's certificate is not signed by the CA that was given")
        }
        Error::InvalidCertificate(why) => {
            Fault::way(LossKind::Denied, format!("the engine's certificate is no good: {why}"))
                .helped("it must name the host as it is called here, and be for a server")
        }
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            Fault::way(LossKind::Expired, "the engine says that our certificate has run out").helped(RENEW)
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Fault::way(LossKind::Denied, "the engine wants a certificate, and was given none").helped(SIGNED)
        }
        Error::AlertReceived(
            why @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError),
        ) => Fault::way(LossKind::Denied, format!("the engine does not take our certificate ({why:?})")).helped(SIGNED),
        // The library's errors are many and more with every version; these are about protocols and not about trust.
        error => {
            Fault::way(LossKind::Unreachable, format!("TLS failed: {error}")).helped("does it speak TLS on this port?")
        }
    }
}

fn day(time: &UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .map_or_else(|_| "an unknown day".into(), |time| time.strftime("%Y-%m-%d").to_string())
}
