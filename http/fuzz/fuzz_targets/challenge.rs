//! `WWW-Authenticate`: answered as it came, in a header that can be sent.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::challenge(data));
