//! Locust's load-testing API in Rust, on a thread-per-core engine.
//!
//! A program is a locustfile: [`User`] types with tasks, and a `main` that hands them to
//! [`Program`]. It compiles to one binary that carries the whole command line.

#[cfg(not(target_os = "linux"))]
compile_error!("hatchery needs Linux: its I/O is built on io_uring (kernel 5.19 or later)");

pub mod target;

mod cli;
mod environment;
mod error;
mod program;
mod single;
#[doc(hidden)]
pub mod tool;

/// Sockets on a core's ring, for protocols of one's own: see `engine/examples/tcp.rs`.
pub mod net {
    pub use hatchery_core::{
        net::{ConnectError, Target, connect},
        ring::{Address, Listener, SocketOptions, Stream},
    };
}

pub use clap;
pub use environment::Environment;
pub use error::Error;
pub use hatchery_actors::{
    Control, LoadTestShape, LocalRunner, RunnerEvent, RunnerEvents, ShardLoad, State, Status, Tick,
    exit_codes, shape,
};
pub use hatchery_actors::{hooks as control, hooks::ControlEvents};
pub use hatchery_core::{
    events::{
        EventHook, Events, Heard, RequestContext, RequestEvent, TestStart, TestStop, UserError,
    },
    shard::{Common, Shard, Ticket},
    stats::{Failure, Snapshot},
    user::{
        Choice, Class, Cx, Exit, Leaf, Problem, Root, Spawn, Table, TagFilter, TaskResult, TaskSet,
        Tasks, User, Wait, between, constant, constant_pacing, constant_throughput, custom_wait,
        poisson,
    },
};
pub use hatchery_http::{
    BodyStream, CatchResponse, HttpError, HttpSession, Multipart, Response, RestResponse,
    SessionOptions, StreamResponse, WebSocket, WebSocketMessage,
};
pub use hatchery_macros::tasks;
pub use program::Program;
pub use single::run_single_user;

/// Everything a locustfile needs.
pub mod prelude {
    pub use crate::{
        Choice, ControlEvents, Cx, Environment, Events, Exit, HttpSession, LoadTestShape, Program,
        Root, Spawn, Table, TaskResult, TaskSet, Tasks, Tick, User, Wait, between, constant,
        constant_pacing, constant_throughput, custom_wait, poisson, tasks,
    };
}
