#![doc = include_str!("guide.md")]

#[cfg(not(target_os = "linux"))]
compile_error!("hatchery needs Linux: its I/O is built on io_uring (kernel 5.19 or later)");

pub mod target;

mod cli;
mod demand;
mod environment;
mod error;
mod http_user;
mod program;
mod single;
#[doc(hidden)]
pub mod tool;

/// Sockets on a core's ring, for protocols of one's own: see `engine/examples/tcp.rs`.
pub mod net {
    pub use hatchery_core::{
        net::{ConnectError, Target, connect, connect_timed},
        ring::{Address, Listener, SocketOptions, Stream},
    };
}

/// What a request takes and a response gives, beside [`HttpSession`] and [`Response`].
pub mod http {
    pub use hatchery_http::{
        CatchResponse, Catching, Chunks, ClientCert, HeaderMap, HeaderName, HeaderValue, HttpError,
        HttpFailure, HttpVersion, LineChunks, Link, Method, Multipart, Plain, PreparedRequest,
        Renamed, RequestBuilder, Responding, Rest, RestResponse, Sending, SessionOptions,
        StreamResponse, Streaming, TextChunks, TextLines, Verify,
    };
}

/// What was measured: what a [`Snapshot`] holds, and how to record a sample of one's own.
pub mod stats {
    pub use hatchery_core::stats::{
        Audit, EntryId, EntryKey, EntryStats, ErrorStats, ExceptionStats, Failure, Histogram,
        Interval, Phase, PhaseStats, Phases, Sample, Second, Snapshot,
    };
}

pub use clap;
pub use environment::Environment;
pub use error::Error;
pub use hatchery_actors::{
    Control, LoadTestShape, LocalRunner, RunnerEvent, RunnerEvents, ShardLoad, State, Status, Tick,
    WeakRunner, exit_codes, shape,
};
pub use hatchery_actors::{hooks as control, hooks::ControlEvents};
pub use hatchery_core::{
    events::{
        EventHook, Events, Heard, RequestContext, RequestEvent, RequestNames, TestStart, TestStop,
        UserError,
    },
    placement::CoreChoice,
    shard::{Common, Shard, Stopwatch, Ticket},
    stats::{Failure, Snapshot},
    user::{
        Choice, Class, Cx, Exit, Leaf, Mount, Problem, Root, Spawn, Table, TagFilter, TaskResult,
        TaskSet, Tasks, User, Wait, between, constant, constant_pacing, constant_throughput,
        custom_wait, poisson,
    },
};
pub use hatchery_http::{
    BodyStream, CatchResponse, HttpError, HttpSession, HttpVersion, Multipart, PoolChoice, Proxies,
    Response, RestResponse, SessionOptions, StreamResponse, WebSocket, WebSocketMessage,
};
pub use hatchery_macros::tasks;
pub use http_user::{HttpCx, HttpUser};
pub use program::Program;
pub use single::run_single_user;

/// Everything a locustfile needs.
pub mod prelude {
    pub use crate::{
        Choice, ControlEvents, Cx, Environment, Events, Exit, HttpCx, HttpSession, HttpUser,
        LoadTestShape, Program, Root, Spawn, Table, TaskResult, TaskSet, Tasks, Tick, User, Wait,
        between, constant, constant_pacing, constant_throughput, custom_wait, poisson, tasks,
    };
}
