//! `Set-Cookie`: bounded, sent only where they belong, and in a header that can be sent.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hatchery_http::fuzzing::cookies(data));
