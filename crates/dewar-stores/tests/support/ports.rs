//! Ports for servers of a test's own.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

/// A port that nobody listens on, and that no other call in this process gives.
///
/// From above those of `scripts/servers`, below those that the system gives to clients: one of theirs could be taken
/// by a client's end before the server is there. It is asked for, and not listened on to try it: a process that another
/// thread starts at that moment would have the listener as well for as long as it takes to start.
pub(crate) fn free_port() -> u16 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let ports = 30_000..32_768_u32;
    let first = std::process::id().wrapping_mul(97);
    loop {
        let call = first.wrapping_add(CALLS.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(ports.start + call % (ports.end - ports.start)).unwrap();
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            return port;
        }
    }
}
