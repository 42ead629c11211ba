//! What comes back: content codings, streams, ranges, statuses, encodings.

use super::{with_httpbin, with_httpbin_and_http2};
use hatchery_http::HttpError;
use serde_json::{Value, json};

#[test]
fn every_content_coding_is_undone_and_the_decoded_length_counts() {
    let all = with_httpbin_and_http2(async |client| {
        let paths = [("/gzip", "gzipped"), ("/deflate", "deflated"), ("/brotli", "brotli")];
        for (path, key) in paths {
            let response = client.get(path).catch_response().await;
            assert_eq!(response.json::<Value>().unwrap()[key], true, "{path}");
            assert!(response.header("content-encoding").is_some(), "the header stays");
        }
        let plain = client.get("/gzip").name("streamed").stream().await;
        let body = plain.read_all().await.unwrap();
        assert!(!body.is_empty());
    });
    for recorded in all {
        for name in ["/gzip", "/deflate", "/brotli"] {
            assert!(recorded.n_bytes("GET", name) > 150, "{name}: the decoded length");
        }
    }
}

#[test]
fn a_stream_comes_line_by_line() {
    with_httpbin(async |client| {
        let mut stream = client.get("/stream/7").stream().await;
        let mut ids = vec![];
        while let Some(line) = stream.next_line().await.unwrap() {
            let line: Value = serde_json::from_str(&line).unwrap();
            ids.push(line["id"].as_u64().unwrap());
        }
        assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6]);
        let response = client.get("/stream/3").await;
        assert_eq!(response.header("transfer-encoding"), Some("chunked"));
        assert_eq!(response.text().lines().count(), 3);
    });
}

#[test]
fn bytes_are_the_same_however_they_are_sent() {
    let all = with_httpbin_and_http2(async |client| {
        let whole = client.get("/bytes/20000?seed=7").name("whole").await;
        assert_eq!(whole.content().len(), 20_000);
        let params = [("seed", "7"), ("chunk_size", "333")];
        let chunked = client.get("/stream-bytes/20000").params(&params).name("chunked").await;
        assert!(whole.content() == chunked.content());
        let mut stream =
            client.get("/stream-bytes/20000").params(&params).name("stream").stream().await;
        let mut streamed = vec![];
        while let Some(piece) = stream.next_piece().await.unwrap() {
            streamed.extend_from_slice(&piece);
        }
        assert!(whole.content() == streamed);
    });
    for recorded in all {
        // Locust counts a streamed response by its Content-Length, and there is none.
        let counted = ["whole", "chunked", "stream"].map(|name| recorded.n_bytes("GET", name));
        assert_eq!(counted, [20_000, 20_000, 0]);
    }
}

#[test]
fn ranges_are_parts() {
    with_httpbin_and_http2(async |client| {
        assert_eq!(client.get("/range/26").await.text(), "abcdefghijklmnopqrstuvwxyz");
        let part = client.get("/range/26").header("range", "bytes=2-5").await;
        assert_eq!((part.status_code(), part.text().as_ref()), (206, "cdef"));
        assert_eq!(part.header("content-range"), Some("bytes 2-5/26"));
        let none = client.get("/range/26").header("range", "bytes=30-40").await;
        assert_eq!((none.status_code(), none.content().len()), (416, 0));
    });
}

#[test]
fn statuses_fail_from_four_hundred_to_five_hundred_and_ninety_nine() {
    let all = with_httpbin(async |client| {
        for status in [200, 201, 202, 204, 206, 300, 304, 400, 404, 418, 429, 500, 503, 599, 600] {
            let response = client.get(format!("/status/{status}")).await;
            assert_eq!(response.status_code(), status);
            assert_eq!(response.ok(), !(400..600).contains(&status), "{status}");
            let raised = response.raise_for_status().err().and_then(|error| error.status());
            assert_eq!(raised, (400..600).contains(&status).then_some(status));
        }
        let teapot = client.get("/status/418").await;
        assert!(teapot.text().contains("teapot") && teapot.reason() == "I'M A TEAPOT");
        // Neither has a body, so the connection goes on with the next response.
        for path in ["/status/204", "/status/304"] {
            let mut previous = client.get(path).await;
            assert!(previous.content().is_empty());
            previous = client.get("/get").await;
            assert_eq!(previous.status_code(), 200);
        }
    });
    for recorded in all {
        assert_eq!(recorded.0.n_failures(), 8);
    }
}

#[test]
fn a_response_that_has_not_changed_has_no_body() {
    with_httpbin_and_http2(async |client| {
        let response = client.get("/etag/abc").header("if-none-match", "abc").await;
        assert_eq!((response.status_code(), response.content().len()), (304, 0));
        assert_eq!(response.header("etag"), Some("abc"));
        let response = client.get("/etag/abc").header("if-match", "other").await;
        assert_eq!(response.status_code(), 412);
        let since = "Mon, 01 Jan 2024 00:00:00 GMT";
        let response = client.get("/cache").header("if-modified-since", since).await;
        assert_eq!(response.status_code(), 304);
        let response = client.get("/cache/60").await;
        assert_eq!(response.header("cache-control"), Some("public, max-age=60"));
    });
}

#[test]
fn texts_and_contents_are_what_their_types_say() {
    with_httpbin_and_http2(async |client| {
        let response = client.get("/encoding/utf8").await;
        assert_eq!(response.encoding(), Some("utf-8"));
        assert!(response.text().contains("∮ E⋅da = Q") && response.text().contains("ሰማይ አይታረስ"));
        let image = client.get("/image").header("accept", "image/webp").await;
        assert_eq!(image.header("content-type"), Some("image/webp"));
        assert!(image.content().starts_with(b"RIFF"));
        let image = client.get("/image/png").await;
        assert!(image.content().starts_with(b"\x89PNG"));
        let image = client.get("/image/jpeg").await;
        assert!(image.content().starts_with(b"\xff\xd8") && image.encoding().is_none());
        assert_eq!(client.get("/image").header("accept", "x/y").await.status_code(), 406);
        assert!(client.get("/html").await.text().contains("Moby-Dick"));
        assert!(client.get("/xml").await.text().starts_with("<?xml"));
        assert!(client.get("/robots.txt").await.text().contains("Disallow: /deny"));
        assert_eq!(client.get("/base64/aGF0Y2g=").await.text(), "hatch");
        let slides: Value = client.get("/json").rest().await.js().clone();
        assert_eq!(slides["slideshow"]["title"], "Sample Slide Show");
        let error = client.get("/html").await.json::<Value>().unwrap_err();
        assert!(HttpError::is_json(&error));
    });
}

#[test]
fn links_are_read_off_their_header() {
    with_httpbin_and_http2(async |client| {
        let link = "</page/2>; rel=\"next\"; title=\"two\", <http://x.test/9>; rel=last";
        let response = client.get("/response-headers").params(&[("Link", link)]).await;
        let links = response.links();
        let pairs: Vec<_> = links.iter().map(|link| (&*link.rel, &*link.url)).collect();
        assert_eq!(pairs, [("next", "/page/2"), ("last", "http://x.test/9")]);
        assert_eq!(links[0].parameters, [("title".to_owned(), "two".to_owned())]);
    });
}

#[test]
fn a_json_api_answers_json_and_anything_else_is_a_failure() {
    let all = with_httpbin_and_http2(async |client| {
        let response = client.post("/anything").json(&json!({ "a": 1 })).rest().await;
        assert_eq!(response.js()["json"]["a"], 1);
        assert_eq!(response.js()["headers"]["Accept"], "application/json");
        drop(response);
        drop(client.get("/html").rest().await);
    });
    for recorded in all {
        assert_eq!(recorded.0.n_failures(), 1);
        let (_, failure, _) = recorded.0.errors()[0];
        let text = failure.to_string();
        assert!(text.starts_with("Could not parse response as JSON. <!DOCTYPE html>"), "{text}");
        assert!(text.contains(", response code 200, error "), "{text}");
    }
}
