//! The tests of `it` that make sense there over HTTP/2, which the harness reads off this binary's
//! name; and those of what HTTP/2 alone has.

#[path = "../it/bodies.rs"]
mod bodies;
#[path = "../it/catching.rs"]
mod catching;
mod connections;
#[path = "../it/context.rs"]
mod context;
#[path = "../it/cookies.rs"]
mod cookies;
#[path = "../it/defaults.rs"]
mod defaults;
#[path = "../it/discarding.rs"]
mod discarding;
#[path = "../it/extras.rs"]
mod extras;
#[path = "../it/guards.rs"]
mod guards;
#[path = "../it/harness.rs"]
mod harness;
#[path = "../it/identity.rs"]
mod identity;
#[path = "../it/members.rs"]
mod members;
#[path = "../it/phases.rs"]
mod phases;
#[path = "../it/pieces.rs"]
mod pieces;
#[path = "../it/redirects.rs"]
mod redirects;
#[path = "../it/requests.rs"]
mod requests;
#[path = "../it/signing.rs"]
mod signing;
#[path = "../it/stream.rs"]
mod stream;
#[path = "../it/trust.rs"]
mod trust;
#[path = "../it/urls.rs"]
mod urls;

mod frames;
mod hostile;
mod multiplexing;
mod speak;
mod target;
mod tls;
mod uploads;
