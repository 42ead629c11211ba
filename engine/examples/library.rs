//! hatchery without its command line: two environments one after the other, in a program of one's
//! own that decides by their numbers.

use hatchery::{
    Environment,
    prelude::*,
    target::{Target, TargetOptions},
};
use std::{error::Error, thread, time::Duration};

struct Visitor {
    client: HttpSession,
}

impl User for Visitor {
    const WAIT: Wait = constant(0.01);

    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor { client: HttpSession::new(spawn) }
    }
}

#[tasks]
impl Visitor {
    #[task(tags = ["small"])]
    async fn index(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/").await;
        Ok(())
    }

    #[task(tags = ["large"])]
    async fn page(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/bytes/20000").await;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let target = Target::start(&TargetOptions::loopback())?;
    for tag in ["small", "large"] {
        let environment = Environment::new()
            .user::<Visitor>()
            .host(target.url())
            .tags([tag])
            .stop_timeout(Duration::from_secs(5));
        let runner = environment.create_local_runner()?;
        runner.start(20, 100.0, true)?;
        // A running test is edited by starting it again: half of the users go.
        thread::sleep(Duration::from_millis(200));
        runner.start(10, 100.0, true)?;
        thread::sleep(Duration::from_millis(200));
        println!("{tag}: {} users are {}", runner.user_count(), runner.state());
        runner.quit();
        // Statistics outlive their runner.
        let stats = runner.stats();
        println!("{tag}: {} requests, {} failed", stats.n_requests(), stats.n_failures());
        for (key, _) in stats.entries() {
            println!("{tag}: {} {}", key.method, key.name);
        }
        if runner.process_exit_code() != Some(0) {
            return Err(format!("{tag} failed").into());
        }
    }
    Ok(())
}
