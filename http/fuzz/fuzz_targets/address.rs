//! Base URLs and paths: what they become can be sent as it is.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::address(data));
