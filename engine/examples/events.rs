//! Hooks: listeners on each core and on the control thread, hooks of the program's own, and flags
//! that a program adds to the command line.
//!
//! `events --headless -u 10 -r 10 -t 2s --slow-ms 5` loads the embedded target.

use hatchery::{
    RequestEvent,
    clap::{self, Args},
    control::{HatchComplete, Init, Quit, Quitting, TestStart},
    prelude::*,
};
use std::{cell::Cell, process::ExitCode, time::Duration};

/// Flags of this program, beside those that every program has.
#[derive(Args)]
struct Shop {
    /// Count requests that take longer than this
    #[arg(long, value_name = "MS", default_value_t = 100)]
    slow_ms: u64,

    /// Items that each user can buy
    #[arg(long, value_name = "N", default_value_t = 20)]
    items: u32,
}

/// The payload of a hook of this program's own, heard on the core where it is fired.
struct Sold {
    n_items: u32,
}

/// The same for the control thread: what concerns the test as a whole, and happens seldom.
struct SoldOut {
    user_id: u64,
}

/// What a payment carries along to the listeners.
#[derive(Debug)]
struct Cart {
    n_items: u32,
}

struct Shopper {
    client: HttpSession,
    n_left: u32,
}

impl User for Shopper {
    const WAIT: Wait = between(0.01, 0.05);

    fn new(spawn: &Spawn<'_>) -> Self {
        let n_left = spawn.parsed_options().map_or(0, |shop: &Shop| shop.items);
        Shopper { client: HttpSession::new(spawn), n_left }
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
        let slow_ms = cx.parsed_options().map_or(0, |shop: &Shop| shop.slow_ms);
        let begin_ns = cx.shard().now_ns();
        self.client.post("/pay").body("1").context(Cart { n_items: 1 }).await;
        if Duration::from_nanos(cx.shard().now_ns() - begin_ns) > Duration::from_millis(slow_ms) {
            // A task exception: counted in its own table, and the user goes on.
            return Err(Exit::failed("too slow"));
        }
        cx.fire(&Sold { n_items: 1 });
        self.n_left = self.n_left.saturating_sub(1);
        if self.n_left == 0 {
            cx.fire_on_control(SoldOut { user_id: cx.user_id() });
            return cx.stop_user();
        }
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
    // The program's own hook is found by its payload. `hook` makes it when it is first asked for.
    let n_sold = Cell::new(0);
    events.hook::<Sold>().add_listener(move |sold| n_sold.set(n_sold.get() + sold.n_items));
}

/// Called once, on the control thread.
fn listen_control(events: &mut ControlEvents) {
    events.init.add_listener(|init: &Init| {
        let shop = init.environment.parsed_options::<Shop>().ok_or("flags are given by main")?;
        eprintln!("init: {}, {} items for each user", init.runner.state(), shop.items);
        // An error, or a panic, would be logged with the hook's name. In `init` it ends the program.
        Ok::<_, &str>(())
    });
    events.hook::<SoldOut>().add_listener(|sold_out| {
        eprintln!("user {} has bought everything", sold_out.user_id);
    });
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
