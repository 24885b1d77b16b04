//! A proxy on the way to a server, which spoils answers when told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on to a port of this machine.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    server: AtomicU16,
    next: AtomicU8,
    cuts: AtomicUsize,
}

const PASS: u8 = 0;
const CUT: u8 = 1;
const CORRUPT: u8 = 2;

impl Proxy {
    pub(crate) async fn to(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let orders = Arc::new(Orders::default());
        orders.server.store(server, Ordering::SeqCst);
        let shared = orders.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, shared.clone()));
            }
        });
        Proxy { port, orders }
    }

    /// Leads connections that are made from now on to another port.
    pub(crate) fn lead_to(&self, server: u16) {
        self.orders.server.store(server, Ordering::SeqCst);
    }

    /// Closes the connection in the place of the next answer, after the server has done what it was told.
    pub(crate) fn cut_next_answer(&self) {
        self.orders.next.store(CUT, Ordering::SeqCst);
    }

    /// Passes the next answer on with other bytes.
    pub(crate) fn corrupt_next_answer(&self) {
        self.orders.next.store(CORRUPT, Ordering::SeqCst);
    }

    /// How many answers were cut off.
    pub(crate) fn cuts(&self) -> usize {
        self.orders.cuts.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: TcpStream, orders: Arc<Orders>) {
    let server = orders.server.load(Ordering::SeqCst);
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (mut question, mut answer) = ([0; 65_536], [0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut question) => match read {
                Ok(size @ 1..) if server.write_all(&question[..size]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut answer) => {
                let Ok(size @ 1..) = read else { return };
                match orders.next.swap(PASS, Ordering::SeqCst) {
                    CUT => {
                        orders.cuts.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    CORRUPT => answer[..size].fill(b'?'),
                    _ => {}
                }
                if client.write_all(&answer[..size]).await.is_err() {
                    return;
                }
            }
        }
    }
}
