//! Who asks: Basic, Bearer and Digest authentication, judged by httpbin.

use super::{with_httpbin, with_httpbin_and_http2};
use serde_json::{Value, json};

#[test]
fn basic_credentials_are_accepted_or_refused() {
    let all = with_httpbin(async |client| {
        let response = client.get("/basic-auth/me/pä:ss").basic_auth("me", "pä:ss").await;
        let expected = json!({ "authenticated": true, "user": "me" });
        assert_eq!(response.json::<Value>().unwrap(), expected);
        let response = client.get("/basic-auth/me/pw").basic_auth("me", "wrong").name("wrong");
        assert_eq!(response.await.status_code(), 401);
        assert_eq!(client.get("/basic-auth/me/pw").name("none").await.status_code(), 401);
        let response = client.get("/hidden-basic-auth/me/pw").basic_auth("me", "pw").await;
        assert!(response.ok());
        assert_eq!(client.get("/hidden-basic-auth/me/pw").name("hidden").await.status_code(), 404);
        let base = response.url().replace("/hidden-basic-auth/me/pw", "");
        let url = format!("{}/basic-auth/me/p%40w", base.replace("://", "://me:p%40w@"));
        assert!(client.get(url).await.ok(), "from the URL, decoded");
    });
    for recorded in all {
        let unauthorized =
            |name| format!("HTTPError: 401 Client Error: UNAUTHORIZED for url: {name}");
        recorded.check(
            &[
                "GET /basic-auth/me/p%40w 1/0",
                "GET /basic-auth/me/p%C3%A4:ss 1/0",
                "GET /hidden-basic-auth/me/pw 1/0",
                "GET hidden 1/1",
                "GET none 1/1",
                "GET wrong 1/1",
            ],
            &[
                &unauthorized("none"),
                &unauthorized("wrong"),
                "HTTPError: 404 Client Error: NOT FOUND for url: hidden",
            ],
        );
    }
}

#[test]
fn bearer_tokens_are_sent() {
    with_httpbin_and_http2(async |client| {
        let response = client.get("/bearer").bearer_auth("t0ken").await;
        let expected = json!({ "authenticated": true, "token": "t0ken" });
        assert_eq!(response.json::<Value>().unwrap(), expected);
        let response = client.get("/bearer").await;
        assert_eq!(
            (response.status_code(), response.header("www-authenticate")),
            (401, Some("Bearer"))
        );
    });
}

/// Answers a challenge of this kind, knows it from then on, and is refused with a wrong password.
#[track_caller]
fn check_digest(qop: &'static str, algorithm: &'static str) {
    let all = with_httpbin(async move |client| {
        let path = format!("/digest-auth/{qop}/me/pw/{algorithm}");
        let response = client.get(path.clone()).name("first").digest_auth("me", "pw").await;
        assert_eq!(response.status_code(), 200, "{qop} {algorithm}");
        assert_eq!(response.history().len(), 1, "the challenge");
        assert_eq!(
            response.json::<Value>().unwrap(),
            json!({ "authenticated": true, "user": "me" })
        );
        let response = client.get(path.clone()).name("known").digest_auth("me", "pw").await;
        assert_eq!((response.status_code(), response.history().len()), (200, 0));
        let response = client.get(path).name("wrong").digest_auth("me", "no").await;
        assert_eq!(response.status_code(), 401);
    });
    for recorded in all {
        let refused = "HTTPError: 401 Client Error: UNAUTHORIZED for url: wrong";
        recorded.check(&["GET first 1/0", "GET known 1/0", "GET wrong 1/1"], &[refused]);
    }
}

#[test]
fn digest_challenges_of_each_algorithm_are_answered() {
    check_digest("auth", "MD5");
    check_digest("auth", "SHA-256");
    check_digest("auth", "SHA-512");
}

#[test]
fn digest_challenges_without_a_quality_of_protection_are_answered() {
    check_digest("none", "MD5");
    check_digest("none", "SHA-256");
    check_digest("none", "SHA-512");
}

#[test]
fn digest_challenges_that_want_the_body_vouched_for_are_answered() {
    check_digest("auth-int", "MD5");
    check_digest("auth-int", "SHA-256");
    check_digest("auth-int", "SHA-512");
    with_httpbin_and_http2(async |client| {
        let path = "/digest-auth/auth-int/me/pw/SHA-256";
        for body in ["a body", "another"] {
            let response = client.get(path).body(body).digest_auth("me", "pw").await;
            assert_eq!(response.status_code(), 200, "{body}");
        }
    });
}

#[test]
fn a_stale_nonce_is_answered_anew() {
    with_httpbin_and_http2(async |client| {
        let path = "/digest-auth/auth/me/pw/MD5/1";
        let first = client.get(path).digest_auth("me", "pw").await;
        assert_eq!(first.status_code(), 200);
        // The first nonce has been used once, which is as often as it may be.
        let second = client.get(path).digest_auth("me", "pw").await;
        assert_eq!((second.status_code(), second.history().len()), (200, 1));
    });
}
