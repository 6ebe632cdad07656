use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result, ensure};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A certificate with its key, from two PEM files: clones share it.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    acceptor: RwLock<TlsAcceptor>,
}

impl Tls {
    /// Reads a certificate, with those that vouch for it after it, and its private key.
    ///
    /// # Errors
    /// When a file cannot be read, is not what it should be, or the two do not belong together; the file is named.
    pub fn open(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self> {
        let (certificate, key) = (certificate.into(), key.into());
        let acceptor = RwLock::new(acceptor(&certificate, &key)?);
        Ok(Self { shared: Arc::new(Shared { certificate, key, acceptor }) })
    }

    /// Reads the files again, for the connections from now on.
    ///
    /// # Errors
    /// As [`Tls::open`]; what was read before goes on to be used.
    pub fn reload(&self) -> Result<()> {
        let acceptor = acceptor(&self.shared.certificate, &self.shared.key)?;
        *self.shared.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.shared.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.shared.certificate).finish_non_exhaustive()
    }
}

fn acceptor(certificate: &PathBuf, key: &PathBuf) -> Result<TlsAcceptor> {
    let read = || -> Result<Vec<_>, _> { CertificateDer::pem_file_iter(certificate)?.collect() };
    let chain =
        read().with_context(|| format!("cannot read a certificate from {}", certificate.display()))?;
    ensure!(!chain.is_empty(), "there is no certificate in {}", certificate.display());
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read a private key from {}", key.display()))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private).with_context(
            || format!("{} and {} are no certificate with its key", certificate.display(), key.display()),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
