//! The users of `bench/compare`: the scenario's, whose twins are in `bench/peers/` (its README has
//! the terms), and those of the case `http-user`. A class' name as an argument chooses it.

use hatchery::prelude::*;
use std::process::ExitCode;

struct Shopper {
    client: HttpSession,
}

impl User for Shopper {
    fn new(spawn: &Spawn<'_>) -> Self {
        Shopper { client: HttpSession::new(spawn) }
    }

    async fn on_start(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.post("/login").form(&[("user", "bench")]).await;
        Ok(())
    }
}

#[tasks]
impl Shopper {
    #[task(10)]
    async fn browse(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let id = cx.shard().rng().u32(1..=1000).to_string();
        let path = format!("/item/{id}");
        let mut item = self.client.get(path).name("/item/[id]").catch_response().await;
        if !item.text().contains(&id) {
            item.failure("not the item asked for");
        }
        Ok(())
    }

    #[task(3)]
    async fn cart(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        let mut cart = self.client.get("/cookies").catch_response().await;
        if !cart.text().contains("session") {
            cart.failure("the session cookie was not sent");
        }
        Ok(())
    }

    #[task(1)]
    async fn pay(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.post("/pay").body("amount=1").await;
        Ok(())
    }
}

/// Has what most users have: a cookie, names, two tasks with weights.
struct Visitor {
    client: HttpSession,
}

impl User for Visitor {
    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor { client: HttpSession::new(spawn) }
    }

    async fn on_start(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.post("/login").form(&[("user", "bench")]).await;
        Ok(())
    }
}

#[tasks]
impl Visitor {
    #[task(3)]
    async fn home(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/").name("home").await;
        Ok(())
    }

    #[task(1)]
    async fn page(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/?page=2").name("/?page=[n]").await;
        Ok(())
    }
}

fn main() -> ExitCode {
    Program::new().user::<Shopper>().user::<Visitor>().embedded_target().main()
}
