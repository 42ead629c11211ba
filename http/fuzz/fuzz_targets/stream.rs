//! Bodies that are read as they come: the same as if they had come whole.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::stream(data));
