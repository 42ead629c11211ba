//! Whole responses: read alike however they are cut, and as hyper reads them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::response(data));
