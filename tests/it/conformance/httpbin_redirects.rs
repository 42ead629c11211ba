//! Redirects, by python-requests' rules.

use super::with_httpbin_and_http2;
use hatchery_http::{HttpError, Method};
use serde_json::{Value, json};

#[test]
fn redirects_are_followed_wherever_they_lead_as_one_sample() {
    let all = with_httpbin_and_http2(async |client| {
        for path in ["/redirect/3", "/relative-redirect/3", "/absolute-redirect/3"] {
            let response = client.get(path).await;
            assert_eq!((response.status_code(), response.history().len()), (200, 3));
            assert!(response.url().ends_with("/get"), "{}", response.url());
            assert!(
                response.history().iter().all(|hop| hop.is_redirect() && hop.status_code() == 302)
            );
        }
    });
    for recorded in all {
        let entries =
            ["GET /absolute-redirect/3 1/0", "GET /redirect/3 1/0", "GET /relative-redirect/3 1/0"];
        recorded.check(&entries, &[]);
    }
}

#[test]
fn each_status_keeps_or_changes_the_method_and_the_body() {
    with_httpbin_and_http2(async |client| {
        let cases = [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (301, "PUT", "PUT"),
            (302, "PUT", "GET"),
            (303, "DELETE", "GET"),
            (307, "PATCH", "PATCH"),
        ];
        for (status, from, to) in cases {
            let status_text = status.to_string();
            let params = [("url", "/anything"), ("status_code", &*status_text)];
            let method = Method::from_bytes(from.as_bytes()).unwrap();
            let request = client.request(method, "/redirect-to").params(&params);
            let response = request.json(&json!({ "a": 1 })).await;
            let seen: Value = response.json().unwrap();
            let body = if matches!(status, 307 | 308) { json!({ "a": 1 }) } else { Value::Null };
            assert_eq!((&seen["method"], &seen["json"]), (&json!(to), &body), "{status} {from}");
            let content_type = seen["headers"].get("Content-Type").is_some();
            assert_eq!(content_type, !body.is_null(), "{status} {from}");
            assert_eq!(response.history()[0].status_code(), status);
        }
    });
}

#[test]
fn thirty_redirects_are_followed_and_no_more() {
    let all = with_httpbin_and_http2(async |client| {
        assert_eq!(client.get("/redirect/30").await.history().len(), 30);
        let response = client.get("/redirect/31").await;
        assert!(response.error().is_some_and(HttpError::is_too_many_redirects));
        assert_eq!(client.get("/get").await.status_code(), 200);
    });
    for recorded in all {
        let entries = ["GET /get 1/0", "GET /redirect/30 1/0", "GET /redirect/31 1/1"];
        recorded.check(&entries, &["TooManyRedirects: exceeded 30 redirects"]);
    }
}

#[test]
fn a_redirect_may_be_left_to_the_user() {
    with_httpbin_and_http2(async |client| {
        let params = [("url", "/get?a=b"), ("status_code", "308")];
        let response = client.get("/redirect-to").params(&params).allow_redirects(false).await;
        assert!(response.is_redirect() && response.is_permanent_redirect() && response.ok());
        let next = response.next_url().unwrap();
        assert!(next.starts_with("http://127.0.0.1:") && next.ends_with("/get?a=b"), "{next}");
        assert_eq!(client.get(next).await.status_code(), 200);
        let head = client.head("/redirect/1").await;
        assert_eq!((head.status_code(), head.history().len()), (302, 0));
        let head = client.head("/redirect/1").allow_redirects(true).await;
        assert_eq!((head.status_code(), head.history().len()), (200, 1));
    });
}

#[test]
fn a_page_of_links_is_redirected_to() {
    with_httpbin_and_http2(async |client| {
        let response = client.get("/links/5").await;
        assert!(response.url().ends_with("/links/5/0"));
        assert_eq!(response.text().matches("<a href='/links/5/").count(), 4);
    });
}
