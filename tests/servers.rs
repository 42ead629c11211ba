//! Real servers, none of them written here: nginx, httpbin under gunicorn, and Python's websockets.

use crate::programs::{Program, wait_until};
use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// Says that a server is missing, or fails where none may be: `.ci/run` installs them all.
pub fn missing(what: &str, fix: &str) {
    assert!(env::var_os("HATCHERY_CI").is_none(), "{what} is missing, and .ci/run installs it");
    eprintln!("skipped: {what} is not installed ({fix})");
}

/// A port that nobody listens on, or did not a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    listener.local_addr().expect("it is bound").port()
}

/// nginx with a folder and a port of its own, as one process that ends with this.
pub struct Nginx {
    _program: Program,
    folder: PathBuf,
    port: u16,
}

impl Nginx {
    /// Starts one with these lines in its `http` block, in which `PORT` and `FOLDER` stand for its
    /// own; the folder's name begins with `name`. `None` if it is not installed.
    pub fn start(name: &str, lines: &str) -> Option<Nginx> {
        Nginx::start_with(name, lines, |_| ())
    }

    /// The same, once `fill` has put what it needs into its folder.
    pub fn start_with(name: &str, lines: &str, fill: impl FnOnce(&Path)) -> Option<Nginx> {
        let known = ["/usr/sbin/nginx", "/usr/bin/nginx"];
        let Some(path) = known.into_iter().find(|path| Path::new(path).exists()) else {
            missing("nginx", "apt-get install nginx-light");
            return None;
        };
        let folder = env::temp_dir().join(format!("hatchery-{name}-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder for temporary files can be written to");
        fill(&folder);
        let port = free_port();
        let own = folder.display().to_string();
        let lines = lines.replace("PORT", &port.to_string()).replace("FOLDER", &own);
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {own}/pid;
             error_log {own}/error.log;
             events {{ worker_connections 1024; }}
             http {{
                 access_log off; client_body_temp_path {own}/body; proxy_temp_path {own}/proxy;
                 fastcgi_temp_path {own}/fcgi; uwsgi_temp_path {own}/uwsgi;
                 scgi_temp_path {own}/scgi;
                 {lines}
             }}"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config).expect("the folder can be written to");
        let args = ["-e", "stderr", "-p", &own, "-c", &file.display().to_string()];
        let nginx = Nginx { _program: Program::start(path, &args), folder, port };
        wait_until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(nginx)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program of a Python package, in the virtual environment `target/httpbin` or the one that
/// `HATCHERY_HTTPBIN` names. `None` if it is not installed there.
fn of_python(package: &str, name: &str) -> Option<String> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/httpbin");
    let folder = env::var_os("HATCHERY_HTTPBIN").map_or(usual, PathBuf::from);
    let path = folder.join("bin").join(name);
    if !path.exists() {
        let fix = "python3 -m venv target/httpbin; \
                   target/httpbin/bin/pip install httpbin gunicorn websockets";
        missing(package, fix);
        return None;
    }
    Some(path.display().to_string())
}

/// httpbin under gunicorn, with threads so that connections are kept.
pub struct Httpbin {
    _program: Program,
    port: u16,
}

/// The one that the tests of a process share while any of them runs: it takes a second to start.
static SHARED: Mutex<Weak<Httpbin>> = Mutex::new(Weak::new());

impl Httpbin {
    /// The tests' own. `None` if it is not installed.
    pub fn shared() -> Option<Arc<Httpbin>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Httpbin::start()?);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    fn start() -> Option<Httpbin> {
        let gunicorn = of_python("httpbin", "gunicorn")?;
        let port = free_port();
        let bind = format!("127.0.0.1:{port}");
        let args = ["httpbin:app", "--bind", &bind, "--worker-class", "gthread"];
        let args = [&args[..], &["--threads", "16", "--keep-alive", "60"]].concat();
        let args = [&args[..], &["--graceful-timeout", "1", "--log-level", "critical"]].concat();
        let program = Program::start(&gunicorn, &args);
        let httpbin = Httpbin { _program: program, port };
        wait_until("gunicorn listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(httpbin)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// An echo server of Python's `websockets`, which stands in the environment of httpbin.
pub struct WebSockets {
    _program: Program,
    port: u16,
}

impl WebSockets {
    /// Starts one. `None` if it is not installed.
    pub fn start() -> Option<WebSockets> {
        // The package has a program of its name, which says that it is there.
        of_python("websockets", "websockets")?;
        let python = of_python("websockets", "python")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/conformance/echo.py");
        let port = free_port();
        let program = Program::start(&python, &[script, &port.to_string()]);
        wait_until("websockets listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(WebSockets { _program: program, port })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}
