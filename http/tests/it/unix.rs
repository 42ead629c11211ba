//! Sessions over unix sockets.

use crate::harness::{answer, on_shard, read_head};
use hatchery_http::HttpSession;
use std::{
    io::{BufReader, Write},
    os::unix::net::UnixListener,
    thread,
};

#[test]
fn a_socket_in_the_file_system_is_a_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            while let Some((line, _)) = read_head(&mut reader) {
                let headers = match line.contains("/go ") {
                    true => "location: /api/there\r\nset-cookie: a=1\r\n",
                    false => "",
                };
                let status = if headers.is_empty() { "200 OK" } else { "302 Found" };
                let _ = reader.get_mut().write_all(&answer(status, headers, &line));
            }
        }
    });
    let url = format!("http+unix://{}/api", path.to_str().expect("text").replace('/', "%2F"));
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            assert_eq!(client.get("/x").await.text(), "GET /api/x HTTP/1.1");
            assert_eq!(client.get("/go").await.text(), "GET /api/there HTTP/1.1");
            assert_eq!(client.cookie("a").as_deref(), Some("1"));
            assert_eq!(client.get(format!("{url}/y z")).await.text(), "GET /api/y%20z HTTP/1.1");
        }
    });
    recorded.check(&["GET /api/x 1/0", "GET /api/go 1/0", "GET /api/y%20z 1/0"], &[]);
}
