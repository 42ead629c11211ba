use hatchery::prelude::*;

struct Visitor;
impl User for Visitor {
    fn new(_: &Spawn<'_>) -> Self {
        Visitor
    }
}

#[tasks]
#[nested]
impl Visitor {}

fn main() {}
