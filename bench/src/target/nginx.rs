//! nginx's configuration: one worker, nothing logged, nothing that ends a connection early.

use std::{fs, net::SocketAddr, path::Path, path::PathBuf};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit};

use super::open_to_all;
use crate::{
    case::{CASES, Work},
    peer::Places,
};

/// Where nginx tells how many requests it has served.
pub(super) const STATUS_PATH: &str = "/stub_status";

/// Connections for the largest case, and some for the questions asked in between.
const WORKER_CONNECTIONS: u64 = 16_000;

/// Its sockets: one port cannot tell HTTP/1.1 from HTTP/2 before version 1.25.
pub(super) struct Listens {
    pub(super) http: SocketAddr,
    pub(super) https: SocketAddr,
    pub(super) h2c: SocketAddr,
    pub(super) h2_tls: SocketAddr,
}

pub(super) fn program() -> Result<PathBuf, String> {
    let how = "apt-get install nginx";
    // Debian puts it where only root's `$PATH` looks.
    let sbin = PathBuf::from("/usr/sbin/nginx");
    if sbin.is_file() { Ok(sbin) } else { Places::on_path("nginx", how) }
}

/// Writes everything nginx needs into `dir`.
pub(super) fn prepare(dir: &Path, listens: &Listens) -> Result<()> {
    open_to_all(dir)?;
    let bytes = dir.join("bytes");
    fs::create_dir_all(&bytes)?;
    for case in &CASES {
        let Work::Get { path, body_bytes } = case.work else { continue };
        if let Some(name) = path.strip_prefix("/bytes/") {
            fs::write(bytes.join(name), "x".repeat(body_bytes as usize))?;
        }
    }
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".into()])
            .context("make a certificate for nginx")?;
    fs::write(dir.join("cert.pem"), certified.cert.pem())?;
    fs::write(dir.join("key.pem"), certified.signing_key.serialize_pem())?;
    let (_, files) = getrlimit(Resource::RLIMIT_NOFILE)?;
    fs::write(dir.join("nginx.conf"), configuration(listens, files))?;
    Ok(())
}

/// Why each unusual line is there:
/// - `backlog`: 10,000 connections arrive at once; the kernel cuts it to `net.core.somaxconn`;
/// - `keepalive_requests`: nginx closes a connection after 1,000 by default, and generators differ
///   in how well they take that;
/// - `open_file_cache`: the body cases are about sending, not about opening a file;
/// - the five temporary paths: Debian's defaults belong to root.
fn configuration(listens: &Listens, files: u64) -> String {
    let Listens { http, https, h2c, h2_tls } = listens;
    let connections = WORKER_CONNECTIONS.min(files.saturating_sub(64));
    format!(
        r#"daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid nginx.pid;
error_log stderr crit;
events {{
    worker_connections {connections};
    use epoll;
}}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    sendfile on;
    open_file_cache max=16 inactive=1h;
    open_file_cache_valid 1h;
    default_type text/plain;
    client_body_temp_path tmp_body;
    proxy_temp_path tmp_proxy;
    fastcgi_temp_path tmp_fastcgi;
    uwsgi_temp_path tmp_uwsgi;
    scgi_temp_path tmp_scgi;
    server {{
        listen {http} backlog=65535;
        listen {https} ssl backlog=65535;
        listen {h2c} http2 backlog=65535;
        listen {h2_tls} ssl http2 backlog=65535;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        root .;
        location = / {{ return 200 "hello"; }}
        location /bytes/ {{ }}
        location = {STATUS_PATH} {{ stub_status; }}
        location = /login {{
            add_header Set-Cookie "session=bench; Path=/";
            return 200 "welcome\n";
        }}
        location ~ ^/item/(\d+)$ {{ return 200 "item $1\n"; }}
        location = /cookies {{
            if ($cookie_session = "") {{ return 200 "no cookies\n"; }}
            return 200 "session=$cookie_session\n";
        }}
        location = /pay {{
            if ($cookie_session = "") {{ return 401 "log in first\n"; }}
            return 200 "paid\n";
        }}
    }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_mean_few_connections() {
        let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let listens = Listens { http: address, https: address, h2c: address, h2_tls: address };
        assert!(configuration(&listens, 1024).contains("worker_connections 960;"));
        assert!(configuration(&listens, 1 << 20).contains("worker_connections 16000;"));
    }
}
