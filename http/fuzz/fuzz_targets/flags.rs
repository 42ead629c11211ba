//! Texts of the command line that say where to connect: `--source-ip`, `--resolve`, `--proxy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| hatchery::fuzzing::flags(text));
