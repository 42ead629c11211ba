use hatchery::prelude::*;

struct Visitor;
impl User for Visitor {
    fn new(_: &Spawn<'_>) -> Self {
        Visitor
    }
}

#[tasks]
impl Visitor {
    #[nested(Visitor)]
    async fn index(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        Ok(())
    }
}

fn main() {}
