//! What a scenario asks of a response: each member answers, whatever the head and the body hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::members(data));
