//! Where requests go: origins, base URLs, and the targets of paths that were asked for before.
//!
//! All of it is shared by the users of a core, so that a million users of one site parse its URL
//! once.

mod base;
mod origin;
mod proxy;
mod quote;
mod target;
mod turns;

pub use base::check_base_url;
pub(crate) use base::{Site, basic, origin};
pub(crate) use origin::{AGENT, Origin, host_name};
pub(crate) use proxy::Proxy;
pub(crate) use quote::quoted_url;
pub(crate) use target::Target;
pub(crate) use turns::Turns;
