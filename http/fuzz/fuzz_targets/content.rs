//! Content codings: decoded within the limit, or refused.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::content(data));
