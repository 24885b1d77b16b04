#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(value) = dewar::cookie::find(data, "session") {
        assert!(value.len() <= data.len());
    }
});
