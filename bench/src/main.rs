//! Side-by-side runs of hatchery and its peers on one target.
fn main() {}
