use rustls::{
    AlertDescription, CertificateError,
    pki_types::{ServerName, UnixTime},
};
use std::time::Duration;

use super::*;

fn said(fault: &Fault) -> String {
    let Loss { kind, why } = fault.loss("https://prod");
    format!("{}: {} | {}", kind.word(), why.line(), why.help.as_deref().unwrap_or("-"))
}

/// As hyper hands it on: wrapped, and wrapped again.
fn wrapped(error: io::Error) -> Fault {
    kube::Error::Service(Box::new(io::Error::other(error))).into()
}

#[test]
fn what_is_in_the_way_is_told_apart_with_what_would_help() {
    let io = |kind: io::ErrorKind| wrapped(kind.into());
    let tls = |error: rustls::Error| wrapped(io::Error::new(io::ErrorKind::InvalidData, error));
    let bad = |error: CertificateError| tls(rustls::Error::InvalidCertificate(error));
    let other = |text: &str| wrapped(io::Error::other(text.to_owned()));
    let expired = CertificateError::ExpiredContext {
        time: UnixTime::since_unix_epoch(Duration::from_secs(1_795_226_400)),
        not_after: UnixTime::since_unix_epoch(Duration::from_secs(1_795_000_000)),
    };
    let name = ServerName::try_from("prod.example.com").unwrap();
    let wrong_name = CertificateError::NotValidForNameContext { expected: name, presented: Vec::new() };
    for (fault, expected) in [
        (
            io(io::ErrorKind::ConnectionRefused),
            "unreachable: could not reach https://prod: connection refused | is the cluster up",
        ),
        (
            io(io::ErrorKind::HostUnreachable),
            "there is no route to it | is the network up, and does the way to it need a VPN?",
        ),
        (io(io::ErrorKind::TimedOut), "the network did not answer in time | is the cluster up"),
        (io(io::ErrorKind::ConnectionReset), "the connection broke | -"),
        (
            other("failed to lookup address information: Name or service not known"),
            "its name is not known (DNS) | is the server",
        ),
        (
            other("tunnel error: proxy authorization required"),
            "denied: could not reach https://prod: the proxy wants a user",
        ),
        (other("tunnel error: unsuccessful"), "the proxy does not connect to it | see proxy-url"),
        (other("invalid HTTP version parsed"), "what answers there is no API server | is the port right"),
        (
            bad(CertificateError::UnknownIssuer),
            "denied: could not reach https://prod: the server's certificate is signed by a CA that",
        ),
        (bad(expired), "the server's certificate ran out on 2026-11-18, and today is 2026-11-21"),
        (
            bad(wrong_name),
            "the server's certificate is not for prod.example.com | the kubeconfig's server, or its tls-server-name",
        ),
        (bad(CertificateError::NotValidYet), "not valid yet | is one of the clocks wrong?"),
        (
            tls(rustls::Error::AlertReceived(AlertDescription::CertificateExpired)),
            "expired: could not reach https://prod: the server says",
        ),
        (
            tls(rustls::Error::AlertReceived(AlertDescription::BadCertificate)),
            "denied: could not reach https://prod: the server does not take",
        ),
        (
            tls(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)),
            "does not speak TLS | is the port right",
        ),
        (
            Fault::Garbled("EOF at line 1".into()),
            "unreachable: could not reach https://prod: its answer could not be understood",
        ),
    ] {
        let said = said(&fault);
        assert!(said.contains(expected), "{said}\n  and not {expected}");
    }
}

#[test]
fn credentials_that_were_taken_once_have_expired_and_others_are_denied() {
    let status = Status { message: "Unauthorized".into(), ..Status::default() };
    let fault = Fault::status(401, &status);
    assert!(
        said(&fault).starts_with(
            "expired: could not reach https://prod: the server does not accept these credentials any more"
        )
    );
    let first = fault.first_loss("https://prod");
    assert_eq!(first.kind, LossKind::Denied);
    assert_eq!(&*first.why.why, "the server does not accept these credentials: they are wrong, or have expired");
}

#[test]
fn a_page_for_a_browser_is_not_quoted() {
    let parts = http::Response::builder().status(502).body(()).unwrap().into_parts().0;
    let fault = Fault::refused(&parts, b"<html><body>Bad gateway</body></html>");
    let said = said(&fault);
    assert!(said.contains("does not reach it (502)") && !said.contains('<'), "{said}");
}

#[test]
fn a_token_file_that_is_gone_is_named() {
    let error = AuthError::ReadTokenFile(io::ErrorKind::NotFound.into(), "/run/token".into());
    assert!(
        said(&kube::Error::Auth(error).into())
            .contains("denied: could not reach https://prod: the token in /run/token")
    );
}
