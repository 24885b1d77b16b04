//! What the fuzz targets for documents have in common.

use bytes::Bytes;
use dewar::data::{Document, Format};

/// Whatever is accepted can be read completely, and means the same after it is written and read again.
pub fn document(format: Format, data: &[u8]) {
    if let Ok(document) = Document::parse(format, Bytes::copy_from_slice(data)) {
        read_and_write(&document, format);
    }
}

/// As [`document`], in whichever format the bytes are.
pub fn detected(data: &[u8]) {
    if let Ok(document) = Document::detect(Format::Msgpack, Bytes::copy_from_slice(data)) {
        read_and_write(&document, Format::MsgpackTyped);
    }
}

fn read_and_write(document: &Document, format: Format) {
    let dict = document.to_dict();
    assert_eq!(dict.len(), document.len());
    // Some values have no form in some formats; that is an error, not a panic.
    let Ok(written) = document.encode(format) else { return };
    let again = Document::parse(format, written.clone().into())
        .unwrap_or_else(|error| panic!("cannot read what was written: {error}"));
    let Ok(rewritten) = again.encode(format) else {
        panic!("cannot write again what was written once")
    };
    assert_eq!(written, rewritten);
}

/// Runs a future that never waits.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}
