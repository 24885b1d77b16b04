//! TLS by the rules of libpq's `sslmode`, with rustls.

use std::sync::Arc;

use dewar::{Error, ErrorKind, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::Verify;
use crate::tls::Identity;

/// Whether the server must prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Encrypt, against those who listen; any certificate will do. What libpq does for `prefer` and `require`.
    Anybody,
    /// The certificate must be for the host's name, from an authority that the system knows.
    System,
    /// The certificate must be for the host's name, from one of these authorities (PEM).
    Authorities(Vec<u8>),
}

impl Trust {
    /// What the URL says.
    pub(super) fn of(verify: Verify, authorities: Option<Vec<u8>>) -> Trust {
        match (verify, authorities) {
            (Verify::BySystem, _) | (Verify::Yes, None) => Trust::System,
            (Verify::Yes | Verify::No, Some(pem)) => Trust::Authorities(pem),
            (Verify::No, None) => Trust::Anybody,
        }
    }
}

pub(super) fn connector(trust: &Trust, identity: Option<&Identity>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Error::new(ErrorKind::Config, "TLS cannot be set up").with_source(error)
        })?;
    let config = match trust {
        Trust::Anybody => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            config.with_root_certificates(roots(found.certs, "the system")?)
        }
        Trust::Authorities(pem) => {
            config.with_root_certificates(roots(certificates(pem), "sslrootcert")?)
        }
    };
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(useless)?;
            let chain = certificates(&identity.certificate);
            config.with_client_auth_cert(chain, key).map_err(useless)?
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_slice_iter(pem);
    certificates.filter_map(Result::ok).collect()
}

fn useless(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let what = "the client's certificate and its key (sslcert, sslkey) are of no use; do they belong together?";
    Error::new(ErrorKind::Config, what).with_source(error)
}

fn roots(certificates: Vec<CertificateDer<'static>>, origin: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let what = format!(
            "no certificate of an authority is to be had from {origin}, and so no server of PostgreSQL can be checked; \
             name a PEM file with sslrootcert"
        );
        return Err(Error::new(ErrorKind::Config, what));
    }
    Ok(roots)
}

/// Accepts every certificate, if only its owner signed the handshake.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
