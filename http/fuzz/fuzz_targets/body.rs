//! Bodies: the same whichever way they are cut.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::body(data));
