//! A certificate authority of the tests' own, and what it signs.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::path::{Path, PathBuf};

pub(crate) struct Authority {
    /// Its own certificate, PEM.
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Writes a certificate for these names and its key into a folder: `cert.pem`, `key.pem`.
    pub(crate) fn issue(&self, folder: &Path, names: &[&str]) -> (PathBuf, PathBuf) {
        self.issue_until(folder, names, 2100)
    }

    /// The same, valid until the beginning of a year.
    pub(crate) fn issue_until(&self, folder: &Path, names: &[&str], year: i32) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names");
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let (cert_path, key_path) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert_path, cert.pem()).expect("the certificate's file");
        std::fs::write(&key_path, key.serialize_pem()).expect("the key's file");
        (cert_path, key_path)
    }
}
