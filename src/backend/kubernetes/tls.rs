//! What the two sides of TLS hold against each other's certificates, in the words of who has to mend the kubeconfig.

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, Error, pki_types::UnixTime};

use super::fault::Fault;
use crate::domain::LossKind;

pub const SCHEME: &str = "is the port right, and does the server in the kubeconfig begin with https://?";
const CA: &str = "the kubeconfig's certificate-authority is not the one that signed it: is this the right cluster?";
const CLIENT: &str = "the kubeconfig's client-certificate must be signed by the cluster's CA and not have run out";

pub fn fault(error: &Error) -> Fault {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            Fault::way(LossKind::Expired, "the server says that our certificate has run out").helped(CLIENT)
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Fault::way(LossKind::Denied, "the server wants a certificate, and was given none").helped(CLIENT)
        }
        Error::AlertReceived(
            why @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError),
        ) => Fault::way(LossKind::Denied, format!("the server does not take our certificate ({why:?})")).helped(CLIENT),
        Error::InvalidMessage(_) => {
            Fault::way(LossKind::Unreachable, "what answers there does not speak TLS").helped(SCHEME)
        }
        // The library's errors are many and more with every version; these are about protocols and not about trust.
        error => Fault::way(LossKind::Unreachable, format!("TLS failed: {error}")).helped(SCHEME),
    }
}

fn of_certificate(error: &CertificateError) -> Fault {
    match error {
        CertificateError::ExpiredContext { not_after, time } => {
            let (end, now) = (day(not_after), day(time));
            Fault::way(LossKind::Denied, format!("the server's certificate ran out on {end}, and today is {now}"))
                .helped("the cluster's certificates must be renewed, if this machine's clock is right")
        }
        CertificateError::Expired => Fault::way(LossKind::Denied, "the server's certificate has run out")
            .helped("the cluster's certificates must be renewed, if this machine's clock is right"),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Fault::way(LossKind::Denied, "the server's certificate is not valid yet")
                .helped("is one of the clocks wrong?")
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Fault::way(LossKind::Denied, "the server's certificate is signed by a CA that is not known here").helped(CA)
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            let name = expected.to_str();
            Fault::way(LossKind::Denied, format!("the server's certificate is not for {name}"))
                .helped("the kubeconfig's server, or its tls-server-name, must be a name that the certificate has")
        }
        CertificateError::NotValidForName => {
            Fault::way(LossKind::Denied, "the server's certificate is not for the name that it was called by")
                .helped("the kubeconfig's server, or its tls-server-name, must be a name that the certificate has")
        }
        error => Fault::way(LossKind::Denied, format!("the server's certificate is no good: {error}")).helped(CA),
    }
}

fn day(time: &UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .map_or_else(|_| "an unknown day".into(), |time| time.strftime("%Y-%m-%d").to_string())
}
