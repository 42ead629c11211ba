//! What is sent: verbs, parameters, headers, bodies, cookies, as httpbin saw them.

use super::{with_httpbin, with_httpbin_and_http2};
use hatchery_http::{Method, Multipart};
use serde_json::{Value, json};

#[test]
fn every_verb_arrives_as_itself() {
    let all = with_httpbin(async |client| {
        for verb in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            let method = Method::from_bytes(verb.as_bytes()).unwrap();
            let seen: Value = client.request(method, "/anything").await.json().unwrap();
            assert_eq!(seen["method"], verb);
        }
        let response = client.head("/anything").await;
        assert_eq!((response.status_code(), response.content().len()), (200, 0));
        assert_ne!(response.header("content-length"), Some("0"));
        let allowed = client.options("/anything").await;
        assert!(allowed.header("allow").unwrap().contains("PATCH"));
    });
    for recorded in all {
        let verbs = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
        let entries = verbs.map(|verb| format!("{verb} /anything 1/0"));
        recorded.check(&entries.each_ref().map(|entry| &**entry), &[]);
    }
}

#[test]
fn params_are_encoded_and_part_of_the_name() {
    let all = with_httpbin_and_http2(async |client| {
        let params = [("space", "a b"), ("more", "ü&=+%/?#"), ("empty", ""), ("twice", "1")];
        let response = client.get("/get?twice=0").params(&params).await;
        let seen: Value = response.json().unwrap();
        let expected = json!({
            "space": "a b", "more": "ü&=+%/?#", "empty": "", "twice": ["0", "1"],
        });
        assert_eq!(seen["args"], expected);
        // python-requests writes a space as a plus sign too.
        let query = "?twice=0&space=a+b&more=%C3%BC%26%3D%2B%25%2F%3F%23&empty=&twice=1";
        assert!(response.url().ends_with(query), "{}", response.url());
        let seen: Value = client.get("/anything/ü x?q=é#part").name("odd").await.json().unwrap();
        assert!(seen["url"].as_str().unwrap().ends_with("/anything/ü%20x?q=é"), "{}", seen["url"]);
    });
    for recorded in all {
        let query = "?twice=0&space=a+b&more=%C3%BC%26%3D%2B%25%2F%3F%23&empty=&twice=1";
        recorded.check(&[&format!("GET /get{query} 1/0"), "GET odd 1/0"], &[]);
    }
}

#[test]
fn headers_arrive_and_a_requests_own_come_first() {
    with_httpbin_and_http2(async |client| {
        client.set_header("x-session", "session").unwrap();
        client.set_header("x-both", "session").unwrap();
        let response = client.get("/headers").header("X-Both", "request").await;
        let seen: Value = response.json().unwrap();
        let header = |name: &str| seen["headers"][name].as_str().map(str::to_owned);
        assert_eq!(header("X-Session").as_deref(), Some("session"));
        assert_eq!(header("X-Both").as_deref(), Some("request"));
        assert_eq!(header("Accept").as_deref(), Some("*/*"));
        assert_eq!(header("Accept-Encoding").as_deref(), Some("gzip, deflate, br, zstd"));
        assert!(header("User-Agent").unwrap().starts_with("hatchery/"));
        assert!(response.url().contains(&header("Host").unwrap()));
        client.remove_header("x-session");
        let response = client.get("/user-agent").header("user-agent", "mine").await;
        assert_eq!(response.json::<Value>().unwrap(), json!({ "user-agent": "mine" }));
        // Names are compared without regard to case, as in python-requests.
        assert_eq!(response.header("CONTENT-type"), Some("application/json"));
    });
}

#[test]
fn bodies_arrive_as_forms_json_bytes_and_files() {
    with_httpbin_and_http2(async |client| {
        let form = [("a", "1 2"), ("ü", "&"), ("a", "3")];
        let seen: Value = client.post("/post").form(&form).await.json().unwrap();
        assert_eq!(seen["form"], json!({ "a": ["1 2", "3"], "ü": "&" }));
        let value = json!({ "list": [1, 2.5, null], "text": "ü\"\n" });
        let seen: Value = client.put("/put").json(&value).await.json().unwrap();
        assert_eq!(seen["json"], value);
        assert_eq!(seen["headers"]["Content-Type"], "application/json");
        let seen: Value = client.patch("/patch").body("plain text").await.json().unwrap();
        assert_eq!(seen["data"], "plain text");
        assert_eq!(seen["headers"]["Content-Length"], "10");
        let seen: Value = client.post("/post").body(vec![0xff, 0, 0xfe]).await.json().unwrap();
        assert_eq!(seen["data"], "data:application/octet-stream;base64,/wD+");
        let files = Multipart::new()
            .text("field", "välue")
            .file("one", "a.txt", "text/plain", "first")
            .file("two", "b\"ü.bin", "application/octet-stream", vec![b'x'; 100_000]);
        let seen: Value = client.post("/post").multipart(&files).await.json().unwrap();
        assert_eq!(seen["form"], json!({ "field": "välue" }));
        assert_eq!(seen["files"]["one"], "first");
        assert_eq!(seen["files"]["two"].as_str().map(str::len), Some(100_000));
        let seen: Value = client.delete("/delete").await.json().unwrap();
        assert_eq!(seen["headers"]["Content-Length"], "0");
        let seen: Value = client.get("/get").await.json().unwrap();
        assert_eq!(seen["headers"]["Content-Length"], Value::Null);
    });
}

#[test]
fn cookies_are_kept_sent_and_forgotten_as_servers_say() {
    with_httpbin_and_http2(async |client| {
        let cookies = async || -> Value {
            let seen: Value = client.get("/cookies").await.json().unwrap();
            seen["cookies"].clone()
        };
        let response = client.get("/cookies/set").params(&[("a", "1"), ("b", "two")]).await;
        assert_eq!(response.json::<Value>().unwrap()["cookies"], json!({ "a": "1", "b": "two" }));
        let set: Vec<_> = response.history()[0].cookies().collect();
        assert_eq!(set, [("a", "1"), ("b", "two")]);
        client.get("/cookies/set/a/changed").await;
        assert_eq!(client.cookie("a").as_deref(), Some("changed"));
        // Its date has passed, which is how a cookie is deleted.
        client.get("/cookies/delete?b").await;
        assert_eq!((cookies().await, client.cookie("b")), (json!({ "a": "changed" }), None));
        let expired = "c=1; Max-Age=0; Path=/";
        client.get("/response-headers").params(&[("Set-Cookie", expired)]).await;
        let elsewhere = "d=1; Path=/elsewhere";
        client.get("/response-headers").params(&[("Set-Cookie", elsewhere)]).await;
        let foreign = "e=1; Domain=example.org; Path=/";
        client.get("/response-headers").params(&[("Set-Cookie", foreign)]).await;
        assert_eq!(cookies().await, json!({ "a": "changed" }));
        let response = client.get("/cookies").cookie("own", "o").await;
        let seen: Value = response.json().unwrap();
        assert_eq!(seen["cookies"], json!({ "a": "changed", "own": "o" }));
        client.set_cookie("mine", "m").unwrap();
        assert_eq!(cookies().await, json!({ "a": "changed", "mine": "m" }));
        client.clear_cookies();
        assert_eq!(cookies().await, json!({}));
    });
}
