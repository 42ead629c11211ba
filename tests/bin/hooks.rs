//! A program whose listeners fail where it is told, and set exit codes.

use hatchery::{
    RequestEvent,
    clap::{self, Args},
    control::{Init, Quitting},
    prelude::*,
};
use std::{
    io::{self, Read},
    net::TcpStream,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Whether a shard has been made to die.
static DIED: AtomicBool = AtomicBool::new(false);

#[derive(Args)]
struct Flags {
    /// The hook whose listener fails, or what else does
    #[arg(long, default_value = "")]
    fail: String,

    /// Have a listener of `init` set this exit code
    #[arg(long)]
    early_code: Option<i32>,

    /// Have a listener of `quitting` set this exit code
    #[arg(long)]
    late_code: Option<i32>,
}

fn fails(environment: &hatchery::Common, hook: &str) -> bool {
    environment.parsed_options::<Flags>().is_some_and(|flags| flags.fail == hook)
}

struct Caller;

impl User for Caller {
    const WAIT: Wait = constant(0.001);
    const NEEDS_HOST: bool = false;

    fn new(_: &Spawn<'_>) -> Self {
        Caller
    }
}

#[tasks]
impl Caller {
    #[task]
    async fn call(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        if fails(cx.environment(), "shard") && !DIED.swap(true, Ordering::Relaxed) {
            let later = cx.sleep(Duration::from_millis(1));
            cx.shard().spawn(async {
                // Not in the first turn, which is taken within the guard of this task.
                later.await;
                panic!("a connection broke")
            });
        }
        if fails(cx.environment(), "core") {
            // Not the core's own sockets: a call that blocks it, until the host answers.
            let host = cx.environment().host.as_deref().expect("given by the test");
            TcpStream::connect(host)?.read_exact(&mut [0])?;
        }
        let fails = fails(cx.environment(), "task");
        let result = if fails { Err(io::Error::other("no answer")) } else { Ok(()) };
        cx.measure("CALL", "call", async { result }).await?;
        Ok(())
    }
}

fn listen(events: &mut Events) {
    if fails(events.environment(), "request") {
        events.request.add_listener(|request: &RequestEvent| Err(format!("no {}", request.name)));
    }
    let fails_at_start = fails(events.environment(), "test_start");
    events.test_start.add_listener(move |_| assert!(!fails_at_start, "not today"));
    events.test_stop.add_listener(|_| eprintln!("the core's test_stop was heard"));
}

fn listen_control(events: &mut ControlEvents) {
    let environment = events.environment().clone();
    assert!(!fails(&environment, "listen"), "no ears");
    events.init.add_listener(|init: &Init| match fails(&init.environment, "init") {
        true => Err("nothing is ready"),
        false => Ok(()),
    });
    events.init.add_listener(|init: &Init| {
        let flags = init.environment.parsed_options::<Flags>();
        init.runner.set_process_exit_code(flags.and_then(|flags| flags.early_code));
        eprintln!("the second listener of init was heard");
    });
    events.quitting.add_listener(move |quitting: &Quitting| {
        let flags = environment.parsed_options::<Flags>().expect("given by main");
        if let Some(code) = flags.late_code {
            quitting.set_process_exit_code(code);
        }
        assert_ne!(flags.fail, "quitting", "not yet");
    });
}

fn main() -> ExitCode {
    let program = Program::new().user::<Caller>().options::<Flags>();
    program.listen(listen).listen_control(listen_control).main()
}
