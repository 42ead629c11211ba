//! Tasks in an order: a sequence, and a walk by chance from page to page.
//!
//! `sequential --headless -u 20 -r 20 -t 5s` loads the embedded target; `sequential Buyer …` runs
//! one of the two classes alone.

use hatchery::prelude::*;
use std::process::ExitCode;

/// Does the same steps in the same order, over and over. Locust's `SequentialTaskSet`.
struct Buyer {
    client: HttpSession,
}

impl User for Buyer {
    const CHOICE: Choice = Choice::Sequential;
    const WAIT: Wait = constant(0.05);

    fn new(spawn: &Spawn<'_>) -> Self {
        Buyer { client: HttpSession::new(spawn) }
    }
}

#[tasks]
impl Buyer {
    #[task]
    async fn log_in(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.post("/login").form(&[("user", "ada")]).await.raise_for_status()?;
        Ok(())
    }

    #[task]
    async fn look(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/item/1").name("/item/[id]").await;
        Ok(())
    }

    #[task]
    async fn pay(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.post("/pay").body("1").await;
        Ok(())
    }
}

/// Goes from page to page, each with its own chances of what comes next. Locust's
/// `MarkovTaskSet`. The first task of the table is the first that runs.
struct Wanderer {
    client: HttpSession,
}

impl User for Wanderer {
    const CHOICE: Choice = Choice::Markov;
    const WAIT: Wait = constant(0.05);

    fn new(spawn: &Spawn<'_>) -> Self {
        Wanderer { client: HttpSession::new(spawn) }
    }
}

#[tasks]
impl Wanderer {
    #[task(to(item))]
    async fn front(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/").await;
        Ok(())
    }

    /// Three times out of four another item, else back to the front page.
    #[task(to(item = 3, front = 1))]
    async fn item(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let id = cx.shard().rng().u32(..1000);
        self.client.get(format!("/item/{id}")).name("/item/[id]").await;
        Ok(())
    }
}

fn main() -> ExitCode {
    Program::new().user::<Buyer>().user::<Wanderer>().embedded_target().main()
}
