//! HTTP for simulated users: [`HttpSession`] and [`Response`], over the shard's ring: HTTP/1.1 by
//! `lean` or hyper, HTTP/2 by h2.
//!
//! Invariants of absence: this crate never imports actix or tokio's runtime (of tokio it has the
//! I/O traits, which h2 wants), and knows nothing of the control plane.

mod session;
pub use session::{HttpSession, Renamed};

mod request;
pub use request::{
    BodyStream, Catching, Multipart, Plain, PreparedRequest, Recording, RequestBuilder, Responding,
    Rest, Sending, Streaming,
};

mod response;
pub use response::{
    CatchResponse, Chunks, HttpFailure, LineChunks, Link, Response, RestResponse, StreamResponse,
    TextChunks, TextLines,
};

mod error;
pub use error::HttpError;

mod options;
pub use options::{HttpDefaults, HttpVersion, PoolChoice, SessionOptions};

mod proxies;
pub use proxies::Proxies;

mod trust;
pub use trust::{ClientCert, Verify};

mod websocket;
pub use websocket::{Upgrading, WebSocket, WebSocketMessage};

mod check;
pub use check::{check_header, check_options, destination, parse_method, split_url, tls_config};

pub use http::{HeaderMap, HeaderName, HeaderValue, Method};
pub use site::check_base_url;

mod blocks;
mod connection;
mod cookies;
mod defaults;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lean;
mod local;
pub mod server;
mod site;
mod whole;
