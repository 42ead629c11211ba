//! nginx: TLS of each version, names, client certificates, resumption.

use super::{Recorded, on_both_paths};
use hatchery::HttpSession;
use hatchery_http::{HttpError, SessionOptions};
use hatchery_tests::servers::Nginx;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{fs, net::IpAddr, path::Path};

const SERVERS: &str = "
    ssl_certificate FOLDER/server.pem;
    ssl_certificate_key FOLDER/server.key;
    ssl_client_certificate FOLDER/ca.pem;
    ssl_session_cache shared:sessions:1m;
    server {
        listen 127.0.0.1:PORT ssl;
        server_name localhost;
        ssl_protocols TLSv1.3;
        location / { return 200 '$ssl_protocol $ssl_server_name $ssl_session_reused'; }
    }
    server {
        listen 127.0.0.1:PORT ssl;
        server_name shop.test;
        location / { return 200 'shop $ssl_server_name'; }
    }
    server {
        listen 127.0.0.2:PORT ssl;
        server_name localhost;
        ssl_protocols TLSv1.2;
        location / { return 200 '$ssl_protocol $ssl_session_reused'; }
    }
    server {
        listen 127.0.0.3:PORT ssl;
        server_name localhost;
        ssl_verify_client on;
        location / { return 200 '$ssl_client_verify $ssl_client_s_dn'; }
    }
    server {
        listen 127.0.0.4:PORT;
        location / { return 200 plain; }
    }";

/// A certificate authority, the server's certificate and a client's.
fn fill(folder: &Path) {
    let named = |name: &str| {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut params = named("tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    let issuer = Issuer::from_params(&params, &ca_key);
    for (file, mut params) in [("server", named("server")), ("client", named("visitor"))] {
        let names = ["localhost", "shop.test"].map(|name| name.try_into().unwrap());
        params.subject_alt_names = names.map(rcgen::SanType::DnsName).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(folder.join(format!("{file}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}

/// Runs a test with a session for `https://host`, whose names lead to this address.
fn with_nginx(
    name: &str,
    (host, address): (&str, [u8; 4]),
    set: impl FnOnce(&mut SessionOptions, &Path),
    test: impl AsyncFn(HttpSession) + Send + Sync + 'static,
) -> Vec<Recorded> {
    let Some(nginx) = Nginx::start_with(name, SERVERS, fill) else { return vec![] };
    let port = nginx.port();
    let resolve = ["localhost", "shop.test", "other.test"];
    let resolve = resolve.map(|host| (host.to_owned(), port, IpAddr::from(address)));
    let ca_file = Some(nginx.folder().join("ca.pem"));
    let mut options =
        SessionOptions { resolve: resolve.into(), ca_file, ..SessionOptions::default() };
    set(&mut options, nginx.folder());
    on_both_paths(&format!("https://{host}:{port}"), &options, test)
}

const MAIN: [u8; 4] = [127, 0, 0, 1];

#[test]
fn tls_1_3_is_spoken_and_sessions_are_resumed() {
    let all = with_nginx(
        "tls13",
        ("localhost", MAIN),
        |_, _| (),
        async |client| {
            assert_eq!(client.get("/").await.text(), "TLSv1.3 localhost .");
            // On the same connection, and on a new one.
            assert_eq!(client.get("/").await.text(), "TLSv1.3 localhost .");
            client.close();
            assert_eq!(client.get("/").await.text(), "TLSv1.3 localhost r");
        },
    );
    for recorded in all {
        recorded.check(&["GET / 3/0"], &[]);
    }
}

#[test]
fn tls_1_2_is_spoken_and_sessions_are_resumed() {
    with_nginx(
        "tls12",
        ("localhost", [127, 0, 0, 2]),
        |_, _| (),
        async |client| {
            assert_eq!(client.get("/").await.text(), "TLSv1.2 .");
            client.close();
            assert_eq!(client.get("/").await.text(), "TLSv1.2 r");
        },
    );
}

#[test]
fn the_name_chooses_the_site() {
    with_nginx(
        "sni",
        ("shop.test", MAIN),
        |_, _| (),
        async |client| {
            assert_eq!(client.get("/").await.text(), "shop shop.test");
        },
    );
}

#[test]
fn a_name_that_the_certificate_lacks_is_refused_unless_nobody_asks() {
    let all = with_nginx(
        "wrong-name",
        ("other.test", MAIN),
        |_, _| (),
        async |client| {
            assert!(client.get("/").await.error().is_some_and(HttpError::is_tls));
        },
    );
    for recorded in all {
        let failure = "TlsError: invalid peer certificate: certificate not valid for name \
                       \"other.test\"; certificate is only valid for DnsName(\"localhost\") or \
                       DnsName(\"shop.test\")";
        recorded.check(&["GET / 1/1"], &[failure]);
    }
    let unverified = |options: &mut SessionOptions, _: &Path| {
        (options.verify, options.ca_file) = (false, None);
    };
    with_nginx("any-name", ("other.test", MAIN), unverified, async |client| {
        assert_eq!(client.get("/").await.text(), "TLSv1.3 other.test .");
    });
}

#[test]
fn an_authority_that_nobody_knows_is_refused() {
    let without = |options: &mut SessionOptions, _: &Path| options.ca_file = None;
    let all = with_nginx("unknown-ca", ("localhost", MAIN), without, async |client| {
        assert!(client.get("/").await.error().is_some_and(HttpError::is_tls));
    });
    for recorded in all {
        recorded.check(&["GET / 1/1"], &["TlsError: invalid peer certificate: UnknownIssuer"]);
    }
}

#[test]
fn a_client_certificate_is_shown_where_it_is_required() {
    let shown = |options: &mut SessionOptions, folder: &Path| {
        options.client_cert = Some((folder.join("client.pem"), folder.join("client.key")));
    };
    let address = [127, 0, 0, 3];
    with_nginx("client-cert", ("localhost", address), shown, async |client| {
        assert_eq!(client.get("/").await.text(), "SUCCESS CN=visitor");
    });
    // nginx shakes hands and then says so by HTTP.
    with_nginx(
        "no-client-cert",
        ("localhost", address),
        |_, _| (),
        async |client| {
            let response = client.get("/").await;
            assert_eq!(response.status_code(), 400);
            assert!(response.text().contains("No required SSL certificate was sent"));
        },
    );
}

#[test]
fn a_request_says_itself_whom_it_trusts_and_what_it_shows() {
    let Some(nginx) = Nginx::start_with("per-request", SERVERS, fill) else { return };
    let port = nginx.port();
    let resolve = vec![("localhost".to_owned(), port, IpAddr::from([127, 0, 0, 3]))];
    let options = SessionOptions { resolve, ..SessionOptions::default() };
    let folder = nginx.folder().to_owned();
    let all = on_both_paths(
        &format!("https://localhost:{port}"),
        &options,
        async move |client: HttpSession| {
            let (ca, clerk) = (folder.join("ca.pem"), folder.join("client.pem"));
            let known = client.get("/known").verify(&ca).cert((&clerk, folder.join("client.key")));
            assert_eq!(known.await.text(), "SUCCESS CN=visitor");
            // Neither connection nor session of the one before serves these.
            assert_eq!(client.get("/unknown").verify(&ca).await.status_code(), 400);
            assert_eq!(client.get("/unknown").verify(false).await.status_code(), 400);
            assert!(client.get("/refused").await.error().is_some_and(HttpError::is_tls));
        },
    );
    for recorded in all {
        let failures = [
            "HTTPError: 400 Client Error: Bad Request for url: /unknown",
            "TlsError: invalid peer certificate: UnknownIssuer",
        ];
        recorded.check(&["GET /known 1/0", "GET /refused 1/1", "GET /unknown 2/2"], &failures);
    }
}

#[test]
fn a_port_that_does_not_speak_tls_is_a_tls_error() {
    let all = with_nginx(
        "no-tls",
        ("localhost", [127, 0, 0, 4]),
        |_, _| (),
        async |client| {
            assert!(client.get("/").await.error().is_some_and(HttpError::is_tls));
        },
    );
    for recorded in all {
        let failure = "TlsError: received corrupt message of type InvalidContentType";
        recorded.check(&["GET / 1/1"], &[failure]);
    }
}
