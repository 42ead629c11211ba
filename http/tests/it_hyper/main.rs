//! The tests of `it` once more, on hyper's HTTP/1.1; which it is, the harness reads off this
//! binary's name.

#[path = "../it/bodies.rs"]
mod bodies;
#[path = "../it/catching.rs"]
mod catching;
#[path = "../it/connections.rs"]
mod connections;
#[path = "../it/context.rs"]
mod context;
#[path = "../it/cookies.rs"]
mod cookies;
#[path = "../it/defaults.rs"]
mod defaults;
#[path = "../it/discarding.rs"]
mod discarding;
#[path = "../it/discarding_http1.rs"]
mod discarding_http1;
#[path = "../it/extras.rs"]
mod extras;
#[path = "../it/framing.rs"]
mod framing;
#[path = "../it/guards.rs"]
mod guards;
#[path = "../it/harness.rs"]
mod harness;
#[path = "../it/hostile.rs"]
mod hostile;
#[path = "../it/hostile_floods.rs"]
mod hostile_floods;
#[path = "../it/hostile_shapes.rs"]
mod hostile_shapes;
#[path = "../it/hostile_stages.rs"]
mod hostile_stages;
#[path = "../it/hostile_tls.rs"]
mod hostile_tls;
#[path = "../it/identity.rs"]
mod identity;
#[path = "../it/kept.rs"]
mod kept;
#[path = "../it/members.rs"]
mod members;
#[path = "../it/opening.rs"]
mod opening;
#[path = "../it/phases.rs"]
mod phases;
#[path = "../it/pieces.rs"]
mod pieces;
#[path = "../it/proxies.rs"]
mod proxies;
#[path = "../it/redirects.rs"]
mod redirects;
#[path = "../it/requests.rs"]
mod requests;
#[path = "../it/shared.rs"]
mod shared;
#[path = "../it/signing.rs"]
mod signing;
#[path = "../it/speak.rs"]
mod speak;
#[path = "../it/stream.rs"]
mod stream;
#[path = "../it/tinyproxy.rs"]
mod tinyproxy;
#[path = "../it/tls.rs"]
mod tls;
#[path = "../it/trust.rs"]
mod trust;
#[path = "../it/unix.rs"]
mod unix;
#[path = "../it/upload_peers.rs"]
mod upload_peers;
#[path = "../it/uploads.rs"]
mod uploads;
#[path = "../it/urls.rs"]
mod urls;
#[path = "../it/websocket_ends.rs"]
mod websocket_ends;
#[path = "../it/websocket_ways.rs"]
mod websocket_ways;
#[path = "../it/websockets.rs"]
mod websockets;
