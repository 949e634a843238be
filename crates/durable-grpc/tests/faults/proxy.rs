//! A piece of network that can fail: it relays bytes between two processes, or stops to.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, copy, copy_bidirectional, sink},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::interval,
};

use crate::eventually::eventually;

/// Connections that may wait to be accepted: more than all processes of a story have.
const BACKLOG: u32 = 64;

/// How often, and how soon again, a port is tried that may still be taken.
const RETAKES: usize = 1000;
const RETAKE_EVERY: Duration = Duration::from_millis(5);

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
    /// Connections pass on what is asked, and swallow what is answered.
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "only Redis is asked so"))]
    Unheard,
}

/// A running proxy. Dropping it closes its connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
    passing: Passing,
    _accepting: AbortOnDrop,
}

/// How many connections pass bytes on; each holds a clone.
type Passing = Arc<()>;

impl Proxy {
    pub(crate) async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, modes) = watch::channel(mode);
        let passing = Passing::default();
        let accepting = AbortOnDrop(tokio::spawn(accept(listener, modes, passing.clone())));
        Self { address, mode, passing, _accepting: accepting }
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
        // Only the task that accepts still watches the mode.
        let closed = async || (self.mode.receiver_count() <= 1).then_some(());
        eventually("connections are closed", closed).await;
        self.set(before);
    }

    /// Lets every connection be mute for ever. New ones are made at once.
    pub(crate) async fn half_open(&self) {
        let before = self.mode();
        self.set(Mode::Mute);
        // This one and that of the task that accepts.
        let mute = async || (Passing::strong_count(&self.passing) <= 2).then_some(());
        eventually("connections are mute", mute).await;
        self.set(before);
    }
}

async fn accept(mut listener: TcpListener, mut modes: watch::Receiver<Mode>, passing: Passing) {
    let address = listener.local_addr().unwrap();
    loop {
        let mode = *modes.borrow_and_update();
        if mode == Mode::Refuse {
            drop(listener);
            // Bound but not listening: the port stays ours, and whoever connects is refused.
            let closed = retake(address, Ok).await;
            _ = modes.wait_for(|mode| *mode != Mode::Refuse).await;
            drop(closed);
            listener = retake(address, |socket| socket.listen(BACKLOG)).await;
            continue;
        }
        tokio::select! {
            biased;
            changed = modes.changed() => if changed.is_err() { return },
            accepted = listener.accept() => if let Ok((from, _)) = accepted {
                let passing = matches!(mode, Mode::Pass(_)).then(|| passing.clone());
                tokio::spawn(relay(from, mode, modes.clone(), passing));
            },
        }
    }
}

/// Takes the port, which was ours a moment ago. Connections of then may linger, and a process that is
/// just being started holds every descriptor for an instant.
async fn retake<T>(address: SocketAddr, take: impl Fn(TcpSocket) -> io::Result<T>) -> T {
    let mut tries = interval(RETAKE_EVERY);
    for _ in 0..RETAKES {
        tries.tick().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        if let Ok(taken) = socket.bind(address).and_then(|()| take(socket)) {
            return taken;
        }
    }
    panic!("the port of a proxy is taken by somebody else");
}

async fn relay(
    mut from: TcpStream,
    mode: Mode,
    mut modes: watch::Receiver<Mode>,
    passing: Option<Passing>,
) {
    let mut mute = vec![];
    if let Mode::Pass(upstream) = mode {
        let Ok(mut to) = TcpStream::connect(upstream).await else { return };
        _ = (from.set_nodelay(true), to.set_nodelay(true));
        let mode = tokio::select! {
            biased;
            mode = not_passing(&mut modes) => mode,
            _ = copy_bidirectional(&mut from, &mut to) => return,
        };
        match mode {
            Some(Mode::Mute) => mute.extend([from, to].map(|end| tokio::spawn(swallow(end)))),
            Some(Mode::Unheard) => {
                let ((mut asked, answers), (answered, mut asks)) =
                    (from.into_split(), to.into_split());
                mute.push(tokio::spawn(async move {
                    _ = copy(&mut asked, &mut asks).await;
                    // Neither side is told that the other has closed.
                    std::future::pending::<()>().await;
                    drop(answers);
                }));
                mute.push(tokio::spawn(swallow(answered)));
            }
            Some(Mode::Refuse | Mode::Pass(_)) | None => return,
        }
    } else {
        mute.push(tokio::spawn(swallow(from)));
    }
    drop(passing);
    let mute: Vec<_> = mute.into_iter().map(AbortOnDrop).collect();
    _ = modes.wait_for(|mode| *mode == Mode::Refuse).await;
    drop(mute);
}

/// Takes bytes until the peer has had enough. That it then closes reaches nobody.
async fn swallow(mut from: impl AsyncRead + Unpin) {
    _ = copy(&mut from, &mut sink()).await;
    std::future::pending().await
}

async fn not_passing(modes: &mut watch::Receiver<Mode>) -> Option<Mode> {
    modes.wait_for(|mode| !matches!(mode, Mode::Pass(_))).await.ok().map(|mode| *mode)
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
