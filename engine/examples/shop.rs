//! A shop: visitors log in, browse, and sometimes buy.
//!
//! `shop --headless -u 200 -r 100 -t 10s` loads the embedded target; with `--host http://…` it
//! loads a server of yours that has the same routes.

use hatchery::prelude::*;
use std::process::ExitCode;

/// Items that the shop sells are numbered from 0 to this.
const ITEM_MAX: u32 = 999;

/// A visitor with a session and a cart.
struct Shopper {
    client: HttpSession,
    cart: Vec<u32>,
}

impl User for Shopper {
    const WEIGHT: u32 = 3;
    const WAIT: Wait = between(0.1, 0.5);

    fn new(spawn: &Spawn<'_>) -> Self {
        Shopper { client: HttpSession::new(spawn), cart: vec![] }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        // The session cookie is kept for all requests to come; without it, this user stops.
        self.client.post("/login").form(&[("user", "ada")]).await.raise_for_status()?;
        cx.schedule(Self::item); // the first task is not left to chance
        Ok(())
    }
}

#[tasks]
#[nested(Checkout, weight = 2, tags = ["buy"])]
impl Shopper {
    #[task(weight = 5, tags = ["browse", "buy"])]
    async fn item(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let id = cx.shard().rng().u32(..=ITEM_MAX);
        let item = self.client.get(format!("/item/{id}")).name("/item/[id]").await;
        if item.ok() {
            self.cart.push(id);
        }
        Ok(())
    }

    #[task(weight = 1, tags = ["browse"])]
    async fn search(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        // An item that does not exist is what this task expects to find.
        let mut missing =
            self.client.get("/item/10000").name("/item/[missing]").catch_response().await;
        match missing.status_code() {
            404 => missing.success(),
            other => missing.failure(format!("status {other} instead of 404")),
        }
        Ok(())
    }
}

/// Runs inside a [`Shopper`], with a state of its own, until the cart is empty.
struct Checkout {
    n_paid: u32,
}

impl TaskSet for Checkout {
    fn new(_: &mut Shopper) -> Self {
        Checkout { n_paid: 0 }
    }

    async fn on_stop(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        if self.n_paid > 0 {
            cx.user().client.post("/receipt").body(self.n_paid.to_string()).await;
        }
        Ok(())
    }
}

#[tasks(parent = Shopper)]
impl Checkout {
    #[task]
    async fn pay(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let Some(item) = cx.parent().cart.pop() else { return cx.interrupt() };
        // An error here is a task exception: counted, and the user goes on.
        cx.user().client.post("/pay").body(item.to_string()).await.raise_for_status()?;
        self.n_paid += 1;
        Ok(())
    }
}

fn main() -> ExitCode {
    Program::new().user::<Shopper>().embedded_target().main()
}
