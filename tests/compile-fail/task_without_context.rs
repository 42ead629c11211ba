use hatchery::prelude::*;

struct Visitor;
impl User for Visitor {
    fn new(_: &Spawn<'_>) -> Self {
        Visitor
    }
}

#[tasks]
impl Visitor {
    #[task]
    async fn index(&mut self) -> TaskResult {
        Ok(())
    }
}

fn main() {}
