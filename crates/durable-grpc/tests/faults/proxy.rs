//! A piece of network that can fail: it relays bytes between two processes, or stops to.

use std::net::SocketAddr;

use tokio::{
    io::{copy, copy_bidirectional, sink},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::eventually::eventually;

/// How the network behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// New connections lead to this address.
    Pass(SocketAddr),
    /// Every connection is closed, and new ones are refused, as by a machine without the process.
    Refuse,
    /// Every connection takes bytes, passes none on, and stays so for ever: half-open. So do new
    /// connections as long as this lasts.
    Mute,
}

/// A running proxy. Dropping it closes its connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
    _accepting: AbortOnDrop,
}

impl Proxy {
    pub(crate) async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, modes) = watch::channel(mode);
        let accepting = AbortOnDrop(tokio::spawn(accept(listener, modes)));
        Self { address, mode, _accepting: accepting }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(crate) fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    /// Closes every connection. New ones are made at once.
    pub(crate) async fn cut(&self) {
        let before = self.mode();
        self.set(Mode::Refuse);
        // Each connection looks at the mode when it changes; none of them may miss this one.
        eventually("connections are closed", async || {
            (self.mode.receiver_count() <= 1).then_some(())
        })
        .await;
        self.set(before);
    }
}

async fn accept(mut listener: TcpListener, mut modes: watch::Receiver<Mode>) {
    let address = listener.local_addr().unwrap();
    loop {
        let mode = *modes.borrow_and_update();
        if mode == Mode::Refuse {
            drop(listener);
            // Bound but not listening: the port stays ours, and whoever connects is refused.
            let closed = bind(address);
            _ = modes.wait_for(|mode| *mode != Mode::Refuse).await;
            drop(closed);
            listener = bind(address).listen(64).unwrap();
            continue;
        }
        let accepted = tokio::select! {
            biased;
            _ = modes.changed() => continue,
            accepted = listener.accept() => accepted,
        };
        if let Ok((from, _)) = accepted {
            tokio::spawn(relay(from, modes.clone()));
        }
    }
}

/// Takes the port, which was ours a moment ago; connections of then may linger.
fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn relay(mut from: TcpStream, mut modes: watch::Receiver<Mode>) {
    let mode = *modes.borrow_and_update();
    let to = match mode {
        Mode::Pass(upstream) => TcpStream::connect(upstream).await.ok(),
        Mode::Mute => None,
        Mode::Refuse => return,
    };
    match to {
        Some(mut to) => {
            _ = (from.set_nodelay(true), to.set_nodelay(true));
            tokio::select! {
                biased;
                () = until_not_passing(&mut modes) => {}
                _ = copy_bidirectional(&mut from, &mut to) => return,
            }
            if *modes.borrow() == Mode::Mute {
                tokio::select! {
                    () = refused(&mut modes) => {}
                    _ = mute(from) => {}
                    _ = mute(to) => {}
                }
            }
        }
        None if mode == Mode::Mute => tokio::select! {
            () = refused(&mut modes) => {}
            _ = mute(from) => {}
        },
        None => {}
    }
}

/// Takes bytes until the peer has had enough. That the peer then closes reaches nobody.
async fn mute(mut from: TcpStream) -> std::convert::Infallible {
    _ = copy(&mut from, &mut sink()).await;
    std::future::pending().await
}

async fn until_not_passing(modes: &mut watch::Receiver<Mode>) {
    _ = modes.wait_for(|mode| !matches!(mode, Mode::Pass(_))).await;
}

async fn refused(modes: &mut watch::Receiver<Mode>) {
    _ = modes.wait_for(|mode| *mode == Mode::Refuse).await;
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
