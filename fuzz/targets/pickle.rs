#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dewar_fuzz::detected(data));
