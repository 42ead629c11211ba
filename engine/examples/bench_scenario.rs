//! The scenario of `bench/compare`: its twins are in `bench/peers/`, and its README has the terms.

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

fn main() -> ExitCode {
    Program::new().user::<Shopper>().embedded_target().main()
}
