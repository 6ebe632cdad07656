use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::Tls;
use super::{Listening, rest};

const ASK: &[u8] = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_client_that_knows_the_certificate_is_served() {
    let papers = Papers::new();
    let server = Listening::open(Some(papers.tls()), |_| {}).await;
    let mut stream = connect(&server, &papers.file("first.pem")).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    stream.write_all(ASK).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert!(connect(&server, &papers.file("second.pem")).await.is_err());
    // Without TLS there is no answer, and no harm.
    assert!(!server.say("without TLS", ASK).await.contains("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let server = Listening::open(Some(Papers::new().tls()), |settings| {
        settings.connection_limits.handshake = Duration::from_millis(100)
    })
    .await;
    assert_eq!(rest(&mut server.connect().await).await, "");
}

#[tokio::test]
async fn another_certificate_is_read_while_connections_go_on() {
    let papers = Papers::new();
    let (certificate, key) = (papers.file("cert"), papers.file("key"));
    let put = |name: &str| {
        std::fs::copy(papers.file(&format!("{name}.pem")), &certificate).unwrap();
        std::fs::copy(papers.file(&format!("{name}.key")), &key).unwrap();
    };
    put("first");
    let tls = Tls::open(&certificate, &key).unwrap();
    let server = Listening::open(Some(tls.clone()), |_| {}).await;
    let mut before = connect(&server, &papers.file("first.pem")).await.unwrap();
    std::fs::write(&key, "nothing").unwrap();
    assert!(format!("{:#}", tls.reload().unwrap_err()).contains(key.to_str().unwrap()));
    assert!(connect(&server, &papers.file("first.pem")).await.is_ok());
    put("second");
    tls.reload().unwrap();
    assert!(connect(&server, &papers.file("first.pem")).await.is_err());
    assert!(connect(&server, &papers.file("second.pem")).await.is_ok());
    before.write_all(ASK).await.unwrap();
    assert!(rest(&mut before).await.starts_with("HTTP/1.1 200 "));
}

#[test]
fn files_that_are_no_certificate_and_key_are_named() {
    let refused = |certificate: &Path, key: &Path| format!("{:#}", Tls::open(certificate, key).unwrap_err());
    let papers = Papers::new();
    let (certificate, key) = (papers.file("first.pem"), papers.file("first.key"));
    let absent = Path::new("/nowhere/cert.pem");
    assert!(refused(absent, &key).contains("/nowhere/cert.pem"));
    assert!(refused(&certificate, absent).contains("/nowhere/cert.pem"));
    assert!(refused(&key, &key).contains("there is no certificate in"));
    assert!(refused(&certificate, &certificate).contains("cannot read a private key from"));
    assert!(refused(&certificate, &papers.file("second.key")).contains("are no certificate with its key"));
}

async fn connect(server: &Listening, known: &Path) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(known).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

/// A directory with two certificates for localhost and their keys.
struct Papers(TempDir);

impl Papers {
    fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        for name in ["first", "second"] {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            std::fs::write(room.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
            std::fs::write(room.path().join(format!("{name}.key")), made.signing_key.serialize_pem())
                .unwrap();
        }
        Self(room)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn tls(&self) -> Tls {
        Tls::open(self.file("first.pem"), self.file("first.key")).unwrap()
    }
}
