#![no_main]

use dewar::data::Format;

libfuzzer_sys::fuzz_target!(|data: &[u8]| dewar_fuzz::document(Format::MsgpackTyped, data));
