//! nginx: cookies that are for TLS alone, on a port that is spoken to both ways.

use super::on_both_paths;
use hatchery_http::SessionOptions;
use hatchery_tests::servers::Nginx;
use std::{fs, path::Path};

/// What comes without TLS is an error to nginx, of which a page can be made.
const SERVER: &str = "
    ssl_certificate FOLDER/cert.pem;
    ssl_certificate_key FOLDER/key.pem;
    server {
        listen 127.0.0.1:PORT ssl;
        location /login {
            add_header Set-Cookie 's=1; Secure; Path=/';
            add_header Set-Cookie 'o=2; Path=/';
            return 200 '';
        }
        location / { return 200 $http_cookie; }
        error_page 497 =200 @plain;
        location @plain { return 200 'plain $http_cookie'; }
    }";

fn fill(folder: &Path) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), own.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), own.signing_key.serialize_pem()).unwrap();
}

#[test]
fn a_secure_cookie_goes_by_tls_and_not_without() {
    let Some(nginx) = Nginx::start_with("cookies", SERVER, fill) else { return };
    let plain = nginx.url("/");
    let options =
        SessionOptions { ca_file: Some(nginx.folder().join("cert.pem")), ..Default::default() };
    let tls = nginx.url("").replace("http:", "https:");
    let all = on_both_paths(&tls, &options, async move |client| {
        client.get("/login").await.raise_for_status().unwrap();
        assert_eq!(client.get("/").await.text(), "s=1; o=2");
        assert_eq!(client.get(plain.clone()).name("plain").await.text(), "plain o=2");
        assert_eq!(client.get("/").await.text(), "s=1; o=2");
    });
    for recorded in all {
        recorded.check(&["GET / 2/0", "GET /login 1/0", "GET plain 1/0"], &[]);
    }
}
