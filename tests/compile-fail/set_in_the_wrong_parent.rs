use hatchery::prelude::*;

struct Visitor;
impl User for Visitor {
    fn new(_: &Spawn<'_>) -> Self {
        Visitor
    }
}

#[tasks]
#[nested(Inner)]
impl Visitor {}

struct Other;
impl User for Other {
    fn new(_: &Spawn<'_>) -> Self {
        Other
    }
}
#[tasks]
#[nested(Inner)]
impl Other {}

struct Inner;
impl TaskSet for Inner {
    fn new(_: &mut Visitor) -> Self {
        Inner
    }
}
#[tasks(parent = Visitor)]
impl Inner {
    #[task]
    async fn index(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        Ok(())
    }
}

fn main() {}
