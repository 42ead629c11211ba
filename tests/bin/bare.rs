//! A program that names no host and brings no target.

use hatchery::prelude::*;
use std::process::ExitCode;

struct Visitor {
    client: HttpSession,
}

impl User for Visitor {
    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor { client: HttpSession::new(spawn) }
    }
}

#[tasks]
impl Visitor {
    #[task]
    async fn index(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/").await;
        Ok(())
    }
}

fn main() -> ExitCode {
    Program::new().user::<Visitor>().main()
}
