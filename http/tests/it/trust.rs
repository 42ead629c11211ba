//! Whom single requests trust, and what they show of themselves: `verify` and `cert`.

use crate::{
    harness::{Recorded, Server, answer, on_shard, options},
    speak::speak,
};
use hatchery_core::shard::Shard;
use hatchery_http::{HttpError, HttpSession, PoolChoice, SessionOptions};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use std::{
    fs,
    future::Future,
    net::TcpStream,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};
use tempfile::TempDir;

pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

/// What a server says to a request.
pub(crate) enum Said {
    Body(String),
    /// Go elsewhere.
    Location(String),
}

/// Those who may show a certificate.
const CLIENTS: [&str; 2] = ["clerk", "manager"];

const UNKNOWN: &str = "TlsError: invalid peer certificate: UnknownIssuer";

/// Certificates that are their own authorities: a server's in `ca.pem`, and of each client one in
/// `NAME.pem` with its key in `NAME.key`, and both in `NAME-both.pem`.
pub(crate) struct Certificates {
    folder: TempDir,
    pub(crate) config: Arc<ServerConfig>,
    clients: Vec<(&'static str, CertificateDer<'static>)>,
}

impl Certificates {
    pub(crate) fn new() -> Certificates {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: String, text: &str| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        let mut roots = RootCertStore::empty();
        let clients = CLIENTS.map(|name| {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed([name.to_owned()]).expect("a certificate");
            let (cert_pem, key_pem) = (cert.pem(), signing_key.serialize_pem());
            write(format!("{name}.pem"), &cert_pem);
            write(format!("{name}.key"), &key_pem);
            write(format!("{name}-both.pem"), &(cert_pem + &key_pem));
            roots.add(cert.der().clone()).expect("a certificate");
            (name, cert.der().clone())
        });
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        write("ca.pem".into(), &cert.pem());
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = verifier.allow_unauthenticated().build().expect("roots");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a configuration");
        Certificates { folder, config: Arc::new(config), clients: clients.into() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server with them that says this, which may depend on the connection's number, whether its
    /// session was resumed, and whose certificate it was shown.
    fn serve(&self, say: impl Fn(usize, &str, &str) -> Said + Send + Sync + 'static) -> String {
        let (config, clients) = (Arc::clone(&self.config), self.clients.clone());
        let server = Server::raw(move |i, mut stream| {
            let mut session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            while session.is_handshaking() {
                if session.complete_io(&mut stream).is_err() {
                    return;
                }
            }
            let how = match session.handshake_kind() {
                Some(HandshakeKind::Resumed) => "resumed",
                _ => "full",
            };
            let shown = session.peer_certificates().and_then(|chain| chain.first());
            let who = clients.iter().find(|(_, known)| Some(known) == shown);
            let said = say(i, how, who.map_or("nobody", |(name, _)| name));
            speak(StreamOwned::new(session, stream), &said);
        });
        server.url.replace("http://127.0.0.1", "https://localhost")
    }
}

/// Runs a test with the URL of a server that tells connection, handshake and client, and with the
/// folder of its certificates.
#[track_caller]
fn with<F>(test: impl Fn(Rc<Shard>, String, PathBuf) -> F + Send + Sync + 'static) -> Recorded
where
    F: Future<Output = ()> + 'static,
{
    let certificates = Certificates::new();
    let url = certificates.serve(|i, how, who| Said::Body(format!("{i} {how} {who}")));
    let folder = certificates.path("");
    on_shard(move |shard| test(shard, url.clone(), folder.clone()))
}

fn session(shard: &Rc<Shard>, url: &str, set: impl FnOnce(&mut SessionOptions)) -> HttpSession {
    let mut options = options();
    set(&mut options);
    HttpSession::with_options(shard, url, options).expect("a URL")
}

async fn refused(client: &HttpSession) {
    let response = client.get("/").await;
    assert!(response.error().is_some_and(HttpError::is_tls), "{response:?}");
    assert_eq!(response.status_code(), 0);
}

#[test]
fn each_request_says_whom_it_trusts_and_none_uses_a_connection_of_another_trust() {
    let recorded = with(|shard, url, folder| async move {
        let client = session(&shard, &url, |_| ());
        let ca = folder.join("ca.pem");
        refused(&client).await;
        for _ in 0..2 {
            assert_eq!(client.get("/").verify(false).await.text(), "1 full nobody");
        }
        // The idle connection was made without a look at the certificate.
        refused(&client).await;
        for _ in 0..2 {
            assert_eq!(client.get("/").verify(&ca).await.text(), "3 full nobody");
            assert_eq!(client.get("/").verify(false).await.text(), "1 full nobody");
        }
        let response = client.get("/").verify(true).await;
        assert!(response.error().is_some_and(HttpError::is_tls), "{response:?}");
        assert_eq!(client.get("/").verify(ca.to_str().expect("text")).await.status_code(), 200);
        refused(&client).await;
    });
    recorded.check(&["GET / 11/4"], &[UNKNOWN]);
}

#[test]
fn a_session_says_later_whom_it_trusts_and_what_it_shows_unless_a_request_does() {
    let recorded = with(|shard, url, folder| async move {
        let client = session(&shard, &url, |_| ());
        let (ca, clerk) = (folder.join("ca.pem"), folder.join("clerk-both.pem"));
        client.set_verify(&ca);
        assert_eq!(client.get("/").await.text(), "0 full nobody");
        client.set_cert(&clerk);
        assert_eq!(client.get("/").await.text(), "1 full clerk");
        // The connection of both is the one that is used when a request says the same.
        assert_eq!(client.get("/").verify(&ca).await.text(), "1 full clerk");
        assert_eq!(client.get("/").cert(&clerk).name("/").await.text(), "1 full clerk");
        let manager =
            client.get("/").cert((folder.join("manager.pem"), folder.join("manager.key")));
        assert_eq!(manager.await.text(), "2 full manager");
        let response = client.get("/").verify(true).await;
        assert!(response.error().is_some_and(HttpError::is_tls), "{response:?}");
        client.set_verify(false);
        assert_eq!(client.get("/").await.text(), "4 full clerk");
        client.set_verify(true);
        refused(&client).await;
    });
    recorded.check(&["GET / 8/2"], &[UNKNOWN]);
}

#[test]
fn no_tls_session_is_resumed_under_another_trust() {
    let recorded = with(|shard, url, folder| async move {
        let client = session(&shard, &url, |_| ());
        let ca = folder.join("ca.pem");
        assert_eq!(client.get("/").verify(false).await.text(), "0 full nobody");
        client.close();
        // Who resumes a session does not look at the certificate again.
        refused(&client).await;
        assert_eq!(client.get("/").verify(&ca).await.text(), "2 full nobody");
        client.close();
        assert_eq!(client.get("/").verify(&ca).await.text(), "3 resumed nobody");
        client.close();
        assert_eq!(client.get("/").verify(false).await.text(), "4 resumed nobody");
        client.close();
        let clerk = folder.join("clerk-both.pem");
        let request = client.get("/").verify(false).cert(clerk);
        assert_eq!(request.await.text(), "5 full clerk");
    });
    recorded.check(&["GET / 6/1"], &[UNKNOWN]);
}

#[test]
fn each_request_shows_the_certificate_that_it_names() {
    let recorded = with(|shard, url, folder| async move {
        let client = session(&shard, &url, |options| options.verify = false);
        let (both, pair) = (
            folder.join("clerk-both.pem"),
            (folder.join("manager.pem"), folder.join("manager.key")),
        );
        for _ in 0..2 {
            assert_eq!(client.get("/").await.text(), "0 full nobody");
            assert_eq!(client.get("/").cert(&both).await.text(), "1 full clerk");
            assert_eq!(client.get("/").cert(pair.clone()).await.text(), "2 full manager");
        }
        client.close();
        assert_eq!(client.get("/").cert(pair).await.text(), "3 resumed manager");
        // The session's own is shown unless the request names another.
        let client = session(&shard, &url, |options| {
            options.verify = false;
            options.client_cert = Some((both.clone(), both.clone()));
        });
        assert_eq!(client.get("/").await.text(), "4 full clerk");
        let manager = (folder.join("manager.pem"), folder.join("manager.key"));
        assert_eq!(client.get("/").cert(manager).await.text(), "5 full manager");
        let trusting = client.get("/").verify(folder.join("ca.pem"));
        assert_eq!(trusting.await.text(), "6 full clerk");
    });
    recorded.check(&["GET / 10/0"], &[]);
}

#[test]
fn what_comes_to_the_sessions_options_uses_the_sessions_connections() {
    let recorded = with(|shard, url, folder| async move {
        let (ca, both) = (folder.join("ca.pem"), folder.join("clerk-both.pem"));
        let client = session(&shard, &url, |options| {
            options.ca_file = Some(ca.clone());
            options.client_cert = Some((both.clone(), both.clone()));
        });
        assert_eq!(client.get("/").await.text(), "0 full clerk");
        assert_eq!(client.get("/").verify(true).await.text(), "0 full clerk");
        assert_eq!(client.get("/").verify(ca).cert(both).await.text(), "0 full clerk");
    });
    recorded.check(&["GET / 3/0"], &[]);
}

#[test]
fn without_tls_there_is_nothing_to_trust() {
    let server = Server::answering(|_| answer("200 OK", "", "plain"));
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = session(&shard, &url, |_| ());
            client.get("/").await;
            client.get("/").verify(false).await;
            assert_eq!(client.get("/").verify("/no/such.pem").cert("/nor").await.text(), "plain");
        }
    });
    recorded.check(&["GET / 3/0"], &[]);
    assert!(server.seen().iter().all(|seen| seen.connection == 0), "{:?}", server.seen());
}

#[test]
fn redirects_keep_trust_and_certificate() {
    let certificates = Certificates::new();
    let last = certificates.serve(|_, _, who| Said::Body(format!("at last, {who}")));
    let to = format!("{last}/");
    let first = certificates.serve(move |_, _, _| Said::Location(to.clone()));
    let folder = certificates.path("");
    let recorded = on_shard(move |shard| {
        let (first, folder) = (first.clone(), folder.clone());
        async move {
            let client = session(&shard, &first, |_| ());
            let request = client.get("/").verify(false).cert(folder.join("clerk-both.pem"));
            let response = request.await;
            assert_eq!((&*response.text(), response.history().len()), ("at last, clerk", 1));
        }
    });
    recorded.check(&["GET / 1/0"], &[]);
}

#[test]
fn shared_connections_are_shared_by_those_of_one_trust() {
    let recorded = with(|shard, url, folder| async move {
        let ca = folder.join("ca.pem");
        let user = || {
            let pool = PoolChoice::PerCore { connections_max: 1 };
            session(&shard, &url, |options| options.pool = pool)
        };
        let (first, second) = (user(), user());
        for client in [&first, &second] {
            assert_eq!(client.get("/").verify(false).await.text(), "0 full nobody");
            assert_eq!(client.get("/").verify(&ca).await.text(), "1 full nobody");
        }
        refused(&second).await;
    });
    recorded.check(&["GET / 5/1"], &[UNKNOWN]);
}

#[test]
fn a_session_may_have_more_trusts_than_it_keeps() {
    let recorded = with(|shard, url, folder| async move {
        let client = session(&shard, &url, |_| ());
        let pem = fs::read(folder.join("ca.pem")).expect("it is there");
        for name in 0..12 {
            let file = folder.join(format!("{name}.pem"));
            fs::write(&file, &pem).expect("written");
            let response = client.get("/").verify(file).await;
            assert_eq!(response.text(), format!("{name} full nobody"));
        }
    });
    recorded.check(&["GET / 12/0"], &[]);
}

/// A request with these files is one failure, with this text after the name of the folder.
#[track_caller]
fn check_files(
    fill: impl Fn(&Path),
    (verify, cert): (Option<&'static str>, Option<(&'static str, &'static str)>),
    failure: &str,
) {
    let certificates = Certificates::new();
    let url = certificates.serve(|_, _, _| Said::Body("fine".into()));
    let folder = certificates.path("");
    fill(&folder);
    let shown = folder.display().to_string();
    let recorded = on_shard(move |shard| {
        let (url, folder) = (url.clone(), folder.clone());
        async move {
            let client = session(&shard, &url, |options| options.verify = false);
            let mut request = client.get("/");
            if let Some(verify) = verify {
                request = request.verify(folder.join(verify));
            }
            if let Some((cert, key)) = cert {
                request = request.cert((folder.join(cert), folder.join(key)));
            }
            let response = request.await;
            assert!(response.error().is_some_and(HttpError::is_tls), "{response:?}");
            assert_eq!(response.status_code(), 0);
            assert_eq!(client.get("/").await.text(), "fine");
        }
    });
    let failure = failure.replace("FOLDER/", &shown);
    recorded.check(&["GET / 2/1"], &[&format!("TlsError: read {failure}")]);
}

#[test]
fn authorities_of_no_use_are_one_failure_that_names_the_file() {
    let check = |name: &'static str, text: Option<&str>, why: &str| {
        let fill = |folder: &Path| {
            if let Some(text) = text {
                fs::write(folder.join(name), text).expect("written");
            }
        };
        check_files(fill, (Some(name), None), &format!("FOLDER/{name}: {why}"));
    };
    check("missing.pem", None, "No such file or directory (os error 2)");
    check("empty.pem", Some(""), "no certificate in it");
    check("words.pem", Some("hello\n"), "no certificate in it");
    check("clerk.key", None, "no certificate in it");
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    check("cut.pem", Some(cut), "a section of it has no -----END line");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check("broken.pem", Some(broken), "a certificate in it is broken: BadEncoding");
    let fill = |folder: &Path| fs::create_dir(folder.join("folder")).expect("made");
    let failure = "FOLDER/folder: no file with a certificate in it";
    check_files(fill, (Some("folder"), None), failure);
}

#[test]
fn client_certificates_of_no_use_are_one_failure_that_names_the_file() {
    let check = |cert, key, failure: &str| check_files(|_| (), (None, Some((cert, key))), failure);
    let missing = "No such file or directory (os error 2)";
    check("missing.pem", "clerk.key", &format!("FOLDER/missing.pem: {missing}"));
    check("clerk.pem", "missing.key", &format!("FOLDER/missing.key: {missing}"));
    check("clerk.key", "clerk.key", "FOLDER/clerk.key: no certificate in it");
    let failure = "FOLDER/clerk.pem: no private key in it; one that is encrypted must be \
                   decrypted before, as `openssl pkey` does";
    check("clerk.pem", "clerk.pem", failure);
    let failure = "FOLDER/manager.key: it is not the key of the certificate in FOLDER/clerk.pem";
    check("clerk.pem", "manager.key", failure);
}

#[test]
fn a_directory_of_authorities_is_trusted_file_by_file() {
    let recorded = with(|shard, url, folder| async move {
        let client = session(&shard, &url, |_| ());
        // Among others, which are none of the server's.
        assert_eq!(client.get("/").verify(folder).await.text(), "0 full nobody");
    });
    recorded.check(&["GET / 1/0"], &[]);
}
