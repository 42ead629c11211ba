//! WebSockets: the upgrade, and the session that comes of it. The protocol is tungstenite's.

mod channel;
mod message;
mod session;
mod upgrade;
mod wire;

pub use message::WebSocketMessage;
pub use session::WebSocket;
pub use upgrade::Upgrading;
