#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| deployctl_fuzz::journal(data));
