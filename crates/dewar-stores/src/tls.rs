//! What the stores that connect with TLS have in common: the files that a URL names, and what is said when it fails.

use std::error::Error as StdError;
use std::fmt::{self, Debug};
use std::io;
use std::sync::Arc;

use dewar::{Error, ErrorKind, Result};
use rustls::CertificateError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::percent::decoded;

/// What the URLs of a kind of server call the files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) authorities: &'static str,
    pub(crate) certificate: &'static str,
    pub(crate) key: &'static str,
}

/// Where a URL says the files are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paths {
    names: &'static Names,
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Paths {
    pub(crate) fn new(names: &'static Names) -> Paths {
        Paths {
            names,
            authorities: None,
            certificate: None,
            key: None,
        }
    }

    /// Takes the parameter of a URL if it names one of the files; whether it does.
    pub(crate) fn take(&mut self, parameter: &str, path: &str) -> bool {
        let names = self.names;
        let places = [
            (names.authorities, &mut self.authorities),
            (names.certificate, &mut self.certificate),
            (names.key, &mut self.key),
        ];
        let place = places.into_iter().find(|(name, _)| *name == parameter);
        match place {
            Some((_, place)) => {
                *place = Some(decoded(path));
                true
            }
            None => false,
        }
    }

    /// Whether the URL names authorities.
    #[cfg(feature = "mysql")]
    pub(crate) fn names_authorities(&self) -> bool {
        self.authorities.is_some()
    }

    /// Whether the URL names no file.
    #[cfg(any(feature = "mysql", feature = "redis"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.authorities.is_none() && self.certificate.is_none() && self.key.is_none()
    }

    /// The files, which must hold what they are named for.
    pub(crate) fn read(&self) -> Result<Files> {
        let names = self.names;
        let authorities = match &self.authorities {
            Some(path) => Some(read(names.authorities, path, Holds::Certificates)?),
            None => None,
        };
        let identity = match (&self.certificate, &self.key) {
            (None, None) => None,
            (None, Some(_)) => {
                let what = format!(
                    "a private key is named ({}) and no certificate ({})",
                    names.key, names.certificate
                );
                return Err(Error::new(ErrorKind::Config, what));
            }
            (Some(certificate), key) => Some(Identity {
                certificate: read(names.certificate, certificate, Holds::Certificates)?,
                // One file may hold both.
                key: read(names.key, key.as_ref().unwrap_or(certificate), Holds::Key)?,
            }),
        };
        Ok(Files {
            authorities,
            identity,
        })
    }
}

/// The files, as PEM.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Certificates of the authorities that may have signed the server's.
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) identity: Option<Identity>,
}

/// A certificate by which the server knows us, and its private key, as PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Identity {
    pub(crate) fn new(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Identity {
        Identity {
            certificate: certificate.into(),
            key: key.into(),
        }
    }
}

impl Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// What a file must hold.
enum Holds {
    Certificates,
    Key,
}

fn read(parameter: &str, path: &str, holds: Holds) -> Result<Vec<u8>> {
    let pem = std::fs::read(path).map_err(|error| {
        let what = format!("the file {path:?} ({parameter}) cannot be read: {error}");
        Error::new(ErrorKind::Config, what).with_source(error)
    })?;
    let (holds, what) = match holds {
        Holds::Certificates => (
            matches!(CertificateDer::pem_slice_iter(&pem).next(), Some(Ok(_))),
            "certificate",
        ),
        Holds::Key => (
            PrivateKeyDer::from_pem_slice(&pem).is_ok(),
            "private key without a password",
        ),
    };
    match holds {
        true => Ok(pem),
        false => {
            let what = format!("the file {path:?} ({parameter}) holds no {what} as PEM");
            Err(Error::new(ErrorKind::Config, what))
        }
    }
}

/// What went wrong with TLS and what to do; `None` for an error about something else.
pub(crate) fn explain(error: &(dyn StdError + 'static), names: &Names) -> Option<String> {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, UnknownIssuer,
    };
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    let Names {
        authorities,
        certificate,
        key,
    } = names;
    Some(match cause(error)? {
        InvalidCertificate(UnknownIssuer | BadSignature) => format!(
            "the server's certificate is from an authority that is not trusted here; if it is yours, name the PEM file \
             with its certificate ({authorities})"
        ),
        InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "the server's certificate is for another name than the URL's; connect by the name that is in it, or have one \
             made for this"
                .to_owned()
        }
        InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => "the server's certificate has expired, or is not valid yet; renew it, or set this machine's clock".to_owned(),
        InvalidCertificate(_) => {
            "the server's certificate is not accepted here; the cause says why".to_owned()
        }
        AlertReceived(_) => format!(
            "the server breaks TLS off; it may want a certificate of ours ({certificate}, {key}) from an authority that \
             it trusts"
        ),
        InvalidMessage(_) => {
            "what answers there does not speak TLS; is the port right, and is TLS turned on there?".to_owned()
        }
        _ => "no TLS connection can be made; the cause says why".to_owned(),
    })
}

/// The error of rustls that another one wraps.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    // Both hand out the cause of what they wrap, and not that itself.
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return cause(error.get_ref()?);
    }
    if let Some(error) = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
        return cause(&**error);
    }
    cause(error.source()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NAMES: Names = Names {
        authorities: "ca",
        certificate: "cert",
        key: "key",
    };

    #[test]
    fn causes_are_found_in_what_wraps_them() {
        let error = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        let shared: Arc<dyn StdError + Send + Sync> = Arc::new(error);
        assert!(explain(&shared, &NAMES).unwrap().contains("expired"));
        assert!(explain(&io::Error::other("disk"), &NAMES).is_none());
    }

    #[test]
    fn files_that_are_not_what_they_are_named_for_are_an_error_with_path_and_parameter() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, "text").unwrap();
        let (text, absent) = (text.to_str().unwrap(), "/nowhere/ca.pem");
        for (parameters, words) in [
            (&[("ca", absent)][..], [absent, "(ca)"]),
            (&[("ca", text)], [text, "no certificate"]),
            (&[("cert", text), ("key", text)], [text, "(cert)"]),
            (&[("key", text)], ["(key)", "(cert)"]),
        ] {
            let mut paths = Paths::new(&NAMES);
            for (name, path) in parameters {
                assert!(paths.take(name, path));
            }
            let error = paths.read().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            for words in words {
                assert!(error.to_string().contains(words), "{error}");
            }
        }
        assert!(!Paths::new(&NAMES).take("other", text));
    }
}
