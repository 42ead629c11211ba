//! Each mistake that a user of the macro can make has its own, one error.

#[test]
fn each_mistake_in_a_task_table_is_one_error_at_its_place() {
    trybuild::TestCases::new().compile_fail("compile-fail/*.rs");
}
