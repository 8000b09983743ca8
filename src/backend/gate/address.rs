//! The way to where a URL leads, with TLS or without.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, Error, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Connection, request::root};

const CONNECTS_WITHIN: Duration = Duration::from_secs(5);

pub use crate::domain::WebAddress as Address;

impl Address {
    /// With TLS, the server must have a certificate for its name from somebody whom this machine trusts.
    pub async fn connect(&self) -> Result<Connection, String> {
        self.connect_trusting(&[]).await
    }

    /// Trusts these authorities, too.
    pub async fn connect_trusting(&self, more: &[CertificateDer<'static>]) -> Result<Connection, String> {
        let connecting = async {
            let trusted = if self.is_secure { trusted(more).await? } else { RootCertStore::empty() };
            self.dial(trusted).await
        };
        match timeout(CONNECTS_WITHIN, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(format!("did not take a connection within {} s", CONNECTS_WITHIN.as_secs())),
        }
    }

    async fn dial(&self, trusted: RootCertStore) -> Result<Connection, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| root(&error))?;
        if self.is_secure { self.secure(stream, trusted).await } else { Ok(Box::pin(stream)) }
    }

    /// Speaks TLS, where the URL says so, over a connection that is there already.
    pub async fn over(&self, connection: Connection, more: &[CertificateDer<'static>]) -> Result<Connection, String> {
        if self.is_secure { self.secure(connection, trusted(more).await?).await } else { Ok(connection) }
    }

    async fn secure<S>(&self, stream: S, trusted: RootCertStore) -> Result<Connection, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let secured = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| wary(&error))?;
        Ok(Box::pin(secured))
    }

    /// As whoever signed a URL signed its host: without the port that goes without saying.
    pub fn authority(&self) -> String {
        let host_and_port = self.host_and_port();
        let usual = if self.is_secure { ":443" } else { ":80" };
        host_and_port.strip_suffix(usual).map_or(host_and_port.clone(), str::to_owned)
    }

    /// As it stands in a request.
    pub fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// The authorities that this machine trusts, or `SSL_CERT_FILE` names. Read anew each time: gates ask seldom, and wait long.
async fn trusted(more: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let reading = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let found = reading.await.map_err(|error| error.to_string())?;
    let mut trusted = RootCertStore::empty();
    match trusted.add_parsable_certificates(found.certs.into_iter().chain(more.iter().cloned())) {
        (0, _) => {
            Err("no certificate authorities are known on this machine; SSL_CERT_FILE can name a file of them".into())
        }
        (_, _) => Ok(trusted),
    }
}

/// Why the two did not come to an understanding.
fn wary(error: &std::io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is signed by a CA that is not known here; SSL_CERT_FILE can name a file of those that are"
                .into()
        }
        Some(Error::InvalidCertificate(why)) => format!("its certificate is no good: {why}"),
        Some(_) | None => format!("TLS failed: {}", root(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, pem::PemObject},
    };
    use tokio::{io::AsyncWriteExt, net::TcpListener};
    use tokio_rustls::TlsAcceptor;

    use super::{super::request, *};

    #[test]
    fn a_url_is_taken_apart_as_it_is_asked() {
        let address = Address::of("http://prometheus:9090/prom?x=1").expect("a URL");
        assert_eq!((address.host.as_str(), address.port, address.path.as_str()), ("prometheus", 9090, "/prom?x=1"));
        let plain = Address::of("http://shop").expect("a URL");
        assert_eq!((plain.port, plain.path.as_str(), plain.host_and_port().as_str()), (80, "/", "shop:80"));
        assert_eq!(Address::of("http://[::1]:81/").expect("a URL").host_and_port(), "[::1]:81");
        let secure = Address::of("https://shop/").expect("a URL");
        assert_eq!((secure.is_secure, secure.port), (true, 443));
        let signed = |url| Address::of(url).expect("a URL").authority();
        assert_eq!((signed("https://shop:443/"), signed("https://[::1]/")), ("shop".into(), "[::1]".into()));
        assert_eq!(
            (signed("http://minio:9000/"), signed("http://shop:443/")),
            ("minio:9000".into(), "shop:443".into())
        );
    }

    #[test]
    fn what_cannot_be_asked_is_told_in_words() {
        for (url, expected) in [
            ("ftp://shop/", "only http:// and https:// are"),
            ("http://ann:secret@shop/", "a name and a password"),
            ("shop", "only http:// and https:// are"),
            ("http://a b/", "is no URL"),
            ("http:///x", ""),
        ] {
            let why = Address::of(url).expect_err(url);
            assert!(why.contains(expected) && !why.contains("secret"), "{url}: {why}");
        }
    }

    /// A certificate for 127.0.0.1 and its key, signed by itself.
    fn certificate(directory: &Path) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let (key, certificate) = (directory.join("key"), directory.join("certificate"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=shop", "-addext", "subjectAltName=IP:127.0.0.1"])
            // An authority's own, which openssl makes by default, is no server's.
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .args([&key, Path::new("-out"), &certificate])
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
        (certificate, PrivateKeyDer::from_pem_file(key).expect("a key"))
    }

    #[tokio::test]
    async fn a_server_with_tls_is_asked_when_its_certificate_is_trusted_and_not_otherwise() {
        let directory = tempfile::tempdir().expect("a directory");
        let (certificate, key) = certificate(directory.path());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("fit")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("belong together");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Who does not trust it is gone by now.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
                stream.write_all(answer).await.expect("it listens");
                stream.shutdown().await.expect("all of it");
            }
        });
        let address = Address::of(&format!("https://127.0.0.1:{port}/health")).expect("a URL");
        let mut trusted = RootCertStore::empty();
        let stranger = address.dial(trusted.clone()).await.err().expect("refused");
        assert!(stranger.starts_with("its certificate is signed by a CA that is not known here"), "{stranger}");
        trusted.add(certificate).expect("a certificate");
        let connection = address.dial(trusted.clone()).await.unwrap_or_else(|why| panic!("{why}"));
        let answer = request::get(connection, &address.host_and_port(), &address.path, CONNECTS_WITHIN).await;
        assert_eq!(answer.expect("an answer").body, b"fine");
        let by_name = Address { host: "localhost".into(), ..address };
        let other = by_name.dial(trusted).await.err().expect("refused");
        assert!(other.starts_with("its certificate is no good: ") && other.contains("localhost"), "{other}");
    }
}
