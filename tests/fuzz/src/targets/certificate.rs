//! TLS of both ends, made once.

use std::sync::{Arc, LazyLock};

use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{ClientConfig, TransportConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

fn identity() -> &'static (CertificateDer<'static>, Vec<u8>) {
    static IDENTITY: LazyLock<(CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key can be made");
        let params = rcgen::CertificateParams::new(vec!["edge.test".to_owned()]).expect("the name is good");
        (params.self_signed(&key).expect("and signed").der().clone(), key.serialize_der())
    });
    &IDENTITY
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The node's.
pub(super) fn server_tls() -> Arc<rustls::ServerConfig> {
    static TLS: LazyLock<Arc<rustls::ServerConfig>> = LazyLock::new(|| {
        let (certificate, key) = identity();
        let key = PrivateKeyDer::try_from(key.clone()).expect("the key is a key");
        let mut tls = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3 is there")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("key and certificate fit");
        tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
        tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        Arc::new(tls)
    });
    Arc::clone(&TLS)
}

/// A peer's.
pub(super) fn client_config() -> ClientConfig {
    static CONFIG: LazyLock<ClientConfig> = LazyLock::new(|| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(identity().0.clone()).expect("our own certificate is one");
        let mut tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3 is there")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
        tls.resumption = rustls::client::Resumption::disabled();
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("its suites are QUIC's")));
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(None);
        config.transport_config(Arc::new(transport));
        config
    });
    CONFIG.clone()
}
