//! A connection to the server that outlives its clients: what a fresh one costs the server, a process
//! that knows nothing yet, is more than most clients ask of it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Error, ErrorKind, Result},
    net::TcpStream,
};

/// Bytes that are read at a time.
const PIECE: usize = 16 * 1_024;

/// Longer than a server takes to end what it was asked last.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends whatever the client was in the middle of, undoes its transaction, and forgets its settings, its
/// statements and its locks.
const RESET: &[u8] = b"S\0\0\0\x04Q\0\0\0\x0dROLLBACK\0Q\0\0\0\x10DISCARD ALL\0";

/// What the last of it is answered with.
const WAS_RESET: &[u8] = b"DISCARD ALL\0";

/// Bytes of what a client ends with.
const TERMINATE: usize = 5;

/// What the server says before it wants anything else: the client is who it says.
const IS_TRUSTED: &[u8] = &[0; 4];

/// A connection that has been greeted.
#[derive(Debug)]
pub(super) struct Server {
    stream: TcpStream,
    /// What the first client began with: only others that begin so may have it.
    pub(super) startup: Vec<u8>,
    /// What the server answered to that.
    pub(super) greeting: Vec<u8>,
    asked: Messages,
    answered: Messages,
    can_be_reset: bool,
}

impl Server {
    /// Connects, and begins as the client does.
    pub(super) async fn connect(address: (&str, u16), startup: Vec<u8>) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        // Small messages are answered one by one, and must not wait for more.
        stream.set_nodelay(true)?;
        stream.write_all(&startup).await?;
        let mut server = Self {
            stream,
            startup,
            greeting: Vec::new(),
            asked: Messages::default(),
            answered: Messages::default(),
            can_be_reset: false,
        };
        let mut is_over = false;
        while !is_over {
            let piece = server.answer_with(|tag, body| match tag {
                // A password is between the client and the server: they go on by themselves.
                b'R' if body != IS_TRUSTED => is_over = true,
                b'E' => is_over = true,
                b'Z' => is_over = true,
                _ => {}
            });
            let piece = piece.await?;
            server.greeting.extend(piece);
        }
        server.can_be_reset = server.greeting.starts_with(b"R\0\0\0\x08\0\0\0\0");
        Ok(server)
    }

    /// Passes on what a client asks, message by message to whoever looks, and returns whether it goes on:
    /// its goodbye is not for the server.
    pub(super) async fn ask(
        &mut self,
        piece: &[u8],
        mut look: impl FnMut(u8, &[u8]),
    ) -> Result<bool> {
        let mut goes_on = true;
        self.asked.push(piece, |tag, body| {
            goes_on &= tag != b'X';
            look(tag, body);
        });
        let length = if goes_on { piece.len() } else { piece.len().saturating_sub(TERMINATE) };
        self.stream.write_all(&piece[..length]).await?;
        Ok(goes_on)
    }

    /// The next piece of what the server answers.
    pub(super) async fn answer(&mut self) -> Result<Vec<u8>> {
        self.answer_with(|_, _| ()).await
    }

    /// What the server answers to a commit, to its end, and whether it says that the commit has happened.
    pub(super) async fn answer_to_commit(&mut self) -> Result<(Vec<u8>, bool)> {
        let (mut answer, mut has_happened, mut is_over) = (Vec::new(), false, false);
        while !is_over {
            let piece = self.answer_with(|tag, body| {
                has_happened |= tag == b'C' && body == b"COMMIT\0";
                is_over |= tag == b'Z';
            });
            answer.extend(piece.await?);
        }
        Ok((answer, has_happened))
    }

    async fn answer_with(&mut self, look: impl FnMut(u8, &[u8])) -> Result<Vec<u8>> {
        let mut piece = Vec::with_capacity(PIECE);
        if self.stream.read_buf(&mut piece).await? == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        self.answered.push(&piece, look);
        Ok(piece)
    }

    /// As it was when it had just been greeted; none when it cannot be.
    pub(super) async fn reset(mut self) -> Option<Self> {
        // Half a message cannot be taken back.
        if !self.can_be_reset || !self.asked.is_between() {
            return None;
        }
        let reset = tokio::time::timeout(PATIENCE, async {
            self.stream.write_all(RESET).await?;
            let (mut was_reset, mut is_ready) = (false, false);
            while !is_ready {
                self.answer_with(|tag, body| {
                    was_reset |= tag == b'C' && body == WAS_RESET;
                    is_ready |= tag == b'Z' && was_reset;
                })
                .await?;
            }
            Result::Ok(())
        });
        matches!(reset.await, Ok(Ok(()))).then_some(self)
    }
}

/// What is sent in one direction: messages of a tag, a length that counts itself, and a body.
#[derive(Debug, Default)]
struct Messages {
    /// The beginning of one.
    rest: Vec<u8>,
}

impl Messages {
    fn push(&mut self, piece: &[u8], mut look: impl FnMut(u8, &[u8])) {
        self.rest.extend(piece);
        let mut seen = 0;
        while let Some((tag, body)) = first(&self.rest[seen..]) {
            look(tag, body);
            seen += 5 + body.len();
        }
        self.rest.drain(..seen);
    }

    const fn is_between(&self) -> bool {
        self.rest.is_empty()
    }
}

/// The first message, if it is there to its end.
fn first(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let body = usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_sub(length.len())?;
    Some((*tag, rest.get(..body)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_may_come_in_any_pieces() {
        for size in 1..RESET.len() {
            let (mut messages, mut seen) = (Messages::default(), Vec::new());
            for piece in RESET.chunks(size) {
                messages.push(piece, |tag, body| seen.push((tag, body.to_vec())));
            }
            let expected: [(u8, &[u8]); 3] =
                [(b'S', b""), (b'Q', b"ROLLBACK\0"), (b'Q', b"DISCARD ALL\0")];
            assert_eq!(seen, expected.map(|(tag, body)| (tag, body.to_vec())));
            assert!(messages.is_between());
        }
    }
}
