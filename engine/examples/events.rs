//! Hooks: listeners on each core, on the control thread, one of the program's own, and flags that a
//! program adds to the command line.
//!
//! `events --headless -u 10 -r 10 -t 2s --slow-ms 5` loads the embedded target.

use hatchery::{
    EventHook, RequestEvent,
    clap::{self, Args},
    control::{HatchComplete, Init, Quit, Quitting, TestStart},
    prelude::*,
};
use std::{cell::Cell, process::ExitCode, rc::Rc, time::Duration};

/// Flags of this program, beside those that every program has.
#[derive(Args)]
struct Shop {
    /// Count requests that take longer than this
    #[arg(long, value_name = "MS", default_value_t = 100)]
    slow_ms: u64,
}

/// A hook of this program's own, and what it counts: one per core, shared by its users.
struct Sales {
    sold: EventHook<u32>,
}

impl Sales {
    fn of_core() -> Sales {
        let mut sold = EventHook::new();
        let n_sold = Cell::new(0);
        sold.add_listener(move |&n_items: &u32| n_sold.set(n_sold.get() + n_items));
        Sales { sold }
    }
}

/// What a payment carries along to the listeners.
#[derive(Debug)]
struct Cart {
    n_items: u32,
}

struct Shopper {
    client: HttpSession,
    sales: Rc<Sales>,
    slow: Duration,
}

impl User for Shopper {
    const WAIT: Wait = between(0.01, 0.05);

    fn new(spawn: &Spawn<'_>) -> Self {
        let slow_ms = spawn.options().map_or(0, |shop: &Shop| shop.slow_ms);
        Shopper {
            client: HttpSession::new(spawn),
            // The first user of a core makes it, the others get the same.
            sales: spawn.shard().local(|_| Sales::of_core()),
            slow: Duration::from_millis(slow_ms),
        }
    }

    async fn on_start(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.post("/login").form(&[("user", "ada")]).await.raise_for_status()?;
        Ok(())
    }
}

#[tasks]
impl Shopper {
    #[task]
    async fn buy(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let begin_ns = cx.shard().now_ns();
        self.client.post("/pay").body("1").context(Cart { n_items: 1 }).await;
        if Duration::from_nanos(cx.shard().now_ns() - begin_ns) > self.slow {
            // A task exception: counted in its own table, and the user goes on.
            return Err(Exit::failed("too slow"));
        }
        self.sales.sold.fire(&1);
        Ok(())
    }
}

/// Called once on each core: listeners there need not be `Send`.
fn listen(events: &mut Events) {
    let n_failed = Cell::new(0);
    events.request.add_listener(move |request: &RequestEvent| {
        if let Some(failure) = &request.failure {
            n_failed.set(n_failed.get() + 1);
            let n_items = request.context.get().map_or(0, |cart: &Cart| cart.n_items);
            let (n, name) = (n_failed.get(), &request.name);
            eprintln!("failure {n} on this core: {name} with {n_items} items: {failure}");
        }
    });
    events.user_error.add_listener(|error| eprintln!("{}: {}", error.class, error.message));
}

/// Called once, on the control thread.
fn listen_control(events: &mut ControlEvents) {
    events.init.add_listener(|init: &Init| eprintln!("init: {}", init.runner.state()));
    events.test_start.add_listener(|start: &TestStart| {
        eprintln!("test_start: {} users at {}/s", start.user_count, start.hatch_rate);
    });
    events.hatch_complete.add_listener(|complete: &HatchComplete| {
        eprintln!("hatch_complete: {} users", complete.user_count);
    });
    events.test_stop.add_listener(|_| eprintln!("test_stop"));
    events.quitting.add_listener(|quitting: &Quitting| {
        // The verdict of the run, in place of the default one.
        let (n, n_failed) = (quitting.stats.n_requests(), quitting.stats.n_failures());
        quitting.set_process_exit_code(if n == 0 || n_failed * 100 > n { 1 } else { 0 });
    });
    events.quit.add_listener(|quit: &Quit| eprintln!("quit: exit code {}", quit.exit_code));
}

fn main() -> ExitCode {
    let program = Program::new().user::<Shopper>().listen(listen).listen_control(listen_control);
    program.options::<Shop>().embedded_target().main()
}
