//! Time: slow servers, limits, and what is measured.

use super::with_httpbin_and_http2;
use hatchery_http::HttpError;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(250);

#[test]
fn a_delay_is_measured_and_a_limit_ends_it() {
    let all = with_httpbin_and_http2(async |client| {
        let response = client.get("/delay/0.4").catch_response().await;
        assert!(response.elapsed() >= Duration::from_millis(400));
        assert!(response.response_time() >= response.elapsed());
        drop(response);
        let late = client.get("/delay/5").timeout(SHORT).await;
        assert!(late.error().is_some_and(HttpError::is_timeout));
        let late = client.get("/delay/4").read_timeout(SHORT).await;
        assert!(late.error().is_some_and(HttpError::is_timeout));
        assert_eq!(client.get("/get").timeout(Duration::from_secs(30)).await.status_code(), 200);
    });
    for recorded in all {
        let entries =
            ["GET /delay/0.4 1/0", "GET /delay/4 1/1", "GET /delay/5 1/1", "GET /get 1/0"];
        let errors =
            ["TimedOut: no response within 250ms", "TimedOut: no response, nothing read for 250ms"];
        recorded.check(&entries, &errors);
    }
}

#[test]
fn a_body_that_drips_passes_a_read_limit_and_not_a_total_one() {
    let all = with_httpbin_and_http2(async |client| {
        let drip = "/drip?duration=2&numbytes=10&delay=0";
        let limit = Duration::from_millis(1500);
        let response = client.get(drip).name("read").read_timeout(limit).catch_response().await;
        assert_eq!(response.text(), "**********", "{response:?}");
        // Nine of the ten pauses lie between the first byte and the last.
        assert!(response.response_time() > limit);
        assert!(response.elapsed() < response.response_time());
        drop(response);
        let response = client.get(drip).name("total").timeout(SHORT).await;
        assert!(response.error().is_some_and(HttpError::is_timeout));
        let mut stream = client.get(drip).name("stream").stream().await;
        let mut n_pieces = 0;
        while let Some(piece) = stream.next_piece().await.unwrap() {
            assert!(piece.iter().all(|&byte| byte == b'*'));
            n_pieces += 1;
        }
        assert!(n_pieces > 1, "piece by piece");
    });
    for recorded in all {
        let failure = "TimedOut: response not complete within 250ms";
        recorded.check(&["GET read 1/0", "GET stream 1/0", "GET total 1/1"], &[failure]);
        assert_eq!(recorded.n_bytes("GET", "stream"), 10, "by its Content-Length");
    }
}
