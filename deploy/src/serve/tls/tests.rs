//! Files that make no certificate are told apart, by name.

use super::Certificate;
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::path::Path;

fn issue(dir: &Path, name: &str) {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(dir.join(format!("{name}.pem")), cert.pem()).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    fs::write(dir.join(format!("{name}.both")), cert.pem() + &key.serialize_pem()).unwrap();
}

#[test]
fn what_cannot_be_used_is_named_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    issue(dir, "a");
    issue(dir, "b");
    let read = |cert: &str, key: &str| Certificate::read(&dir.join(cert), &dir.join(key));
    assert!(read("a.pem", "a.key").is_ok());
    assert!(read("a.both", "a.both").is_ok(), "both may be in one file");
    for (cert, key, why) in [
        ("absent", "a.key", "cannot read the file"),
        ("a.key", "a.key", "a.key holds no certificate"),
        ("a.pem", "a.pem", "a.pem holds no private key"),
        ("a.pem", "b.key", "cannot be used together"),
    ] {
        let error = read(cert, key).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_is_published_is_the_certificate_and_never_the_key() {
    let folder = tempfile::tempdir().unwrap();
    issue(folder.path(), "a");
    let both = folder.path().join("a.both");
    Certificate::read(&both, &both).unwrap().publish(folder.path()).unwrap();
    let published = fs::read(folder.path().join("certificate.der")).unwrap();
    let pem = fs::read(folder.path().join("a.pem")).unwrap();
    let certificates = martlog_collector::tls::certificates(&[pem], "a.pem").unwrap();
    assert_eq!(published, certificates[0].as_ref());
}
