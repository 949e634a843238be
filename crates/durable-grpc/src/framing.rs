//! The gRPC frame around a message: one flag byte, four bytes of length, the message.

use std::{io::Read as _, pin::Pin};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tonic::Code;
use tower::BoxError;

use crate::limits::MAX_MESSAGE_BYTES;

const PREFIX: usize = 5;
/// The largest message that a durable call may have, in its frame.
pub(crate) const MAX_FRAME_BYTES: usize = PREFIX + MAX_MESSAGE_BYTES;

/// Why a body is not exactly one message within the limit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FramingError {
    #[error("message is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("body holds more than one message")]
    SeveralMessages,
    #[error("body ends within a message")]
    Truncated,
    #[error("message encoding {0} is not supported, use gzip or identity")]
    Encoding(String),
    #[error("message is not valid gzip")]
    Gzip,
    #[error("body was lost: {0}")]
    Lost(BoxError),
}

impl FramingError {
    /// The status of a request that has such a body.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::OutOfRange,
            Self::SeveralMessages | Self::Encoding(_) => Code::Unimplemented,
            Self::Truncated | Self::Gzip => Code::InvalidArgument,
            Self::Lost(_) => Code::Internal,
        }
    }
}

/// The one message of a body, uncompressed, and the trailers. No message at all is left to the
/// caller to judge: an error has none.
pub(crate) async fn one_message<B>(
    body: B,
    encoding: Option<&HeaderValue>,
    limit: usize,
) -> Result<(Option<Bytes>, HeaderMap), FramingError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (frame, trailers) = collect(body, PREFIX + limit).await?;
    Ok((message_of(&frame, encoding, limit)?, trailers))
}

/// The one message of a body, uncompressed, and the body again as it came.
pub(crate) async fn one_message_kept<B>(
    body: B,
    encoding: Option<&HeaderValue>,
    limit: usize,
) -> Result<(Option<Bytes>, OneFrame), FramingError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (frame, trailers) = collect(body, PREFIX + limit).await?;
    let message = message_of(&frame, encoding, limit)?;
    Ok((message, OneFrame::as_received(frame, trailers)))
}

fn message_of(
    frame: &Bytes,
    encoding: Option<&HeaderValue>,
    limit: usize,
) -> Result<Option<Bytes>, FramingError> {
    if frame.is_empty() {
        return Ok(None);
    }
    if frame.len() < PREFIX {
        return Err(FramingError::Truncated);
    }
    let compressed = frame[0] != 0;
    let length = (&frame[1..PREFIX]).get_u32() as usize;
    if length > limit {
        return Err(FramingError::TooLarge { limit });
    }
    let message = match frame.len() - PREFIX {
        rest if rest < length => return Err(FramingError::Truncated),
        rest if rest > length => return Err(FramingError::SeveralMessages),
        _ => frame.slice(PREFIX..),
    };
    let message = if compressed { decompress(&message, encoding, limit)? } else { message };
    Ok(Some(message))
}

/// A message in its frame, uncompressed.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    // A message is at most 4 MiB when it gets here.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// A body made of one frame and, behind it, trailers.
#[derive(Debug)]
pub(crate) struct OneFrame {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl OneFrame {
    pub(crate) fn request(message: &[u8]) -> Self {
        Self { data: Some(frame(message)), trailers: None }
    }

    pub(crate) fn as_received(frame: Bytes, trailers: HeaderMap) -> Self {
        let trailers = Some(trailers).filter(|trailers| !trailers.is_empty());
        Self { data: Some(frame).filter(|frame| !frame.is_empty()), trailers }
    }

    pub(crate) fn reply(message: &[u8], trailers: HeaderMap) -> Self {
        Self { data: Some(frame(message)), trailers: Some(trailers) }
    }
}

impl Body for OneFrame {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.data.take().map(Frame::data);
        let next = next.or_else(|| self.trailers.take().map(Frame::trailers));
        std::task::Poll::Ready(next.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}

async fn collect<B>(body: B, limit: usize) -> Result<(Bytes, HeaderMap), FramingError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(|error| FramingError::Lost(error.into()))?.into_data() {
            Ok(data) => {
                let held = rest.as_ref().map_or(first.len(), BytesMut::len);
                if held + data.len() > limit {
                    // Either one message too large, or several; the first prefix tells which.
                    let start = rest.as_ref().map_or(&first[..], |rest| &rest[..]);
                    return Err(over_limit(if held == 0 { &data } else { start }, limit));
                }
                if let Some(rest) = &mut rest {
                    rest.put_slice(&data);
                } else if first.is_empty() {
                    first = data;
                } else {
                    let mut joined = BytesMut::from(&first[..]);
                    joined.put_slice(&data);
                    rest = Some(joined);
                }
            }
            Err(frame) => {
                if let Ok(received) = frame.into_trailers() {
                    trailers = received;
                }
            }
        }
    }
    Ok((rest.map_or(first, BytesMut::freeze), trailers))
}

fn over_limit(start: &[u8], limit: usize) -> FramingError {
    let limit = limit - PREFIX;
    if start.len() >= PREFIX && ((&start[1..PREFIX]).get_u32() as usize) <= limit {
        FramingError::SeveralMessages
    } else {
        FramingError::TooLarge { limit }
    }
}

fn decompress(
    message: &[u8],
    encoding: Option<&HeaderValue>,
    limit: usize,
) -> Result<Bytes, FramingError> {
    match encoding.map(HeaderValue::as_bytes) {
        Some(b"gzip") => {}
        other => {
            let name = String::from_utf8_lossy(other.unwrap_or(b"(none)")).into_owned();
            return Err(FramingError::Encoding(name));
        }
    }
    let mut plain = Vec::new();
    // One byte more than allowed is read, so that a bomb is noticed without being inflated.
    GzDecoder::new(message)
        .take(limit as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|_| FramingError::Gzip)?;
    if plain.len() > limit {
        return Err(FramingError::TooLarge { limit });
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http_body_util::{Full, StreamBody};

    use super::*;

    async fn read(bytes: &[u8], encoding: Option<&'static str>) -> Result<Bytes, FramingError> {
        let encoding = encoding.map(HeaderValue::from_static);
        let body = Full::new(Bytes::copy_from_slice(bytes));
        let (message, _) = one_message(body, encoding.as_ref(), 64).await?;
        Ok(message.unwrap_or_default())
    }

    fn gzip(message: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(message).unwrap();
        let compressed = encoder.finish().unwrap();
        let mut framed = vec![1];
        framed.extend(u32::try_from(compressed.len()).unwrap().to_be_bytes());
        framed.extend(compressed);
        framed
    }

    #[tokio::test]
    async fn one_message_comes_out_of_its_frame() {
        assert_eq!(read(&frame(b"hello"), None).await.unwrap(), "hello");
        assert_eq!(read(&frame(b""), None).await.unwrap(), "");
        assert_eq!(read(&gzip(b"hello"), Some("gzip")).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_frame_may_arrive_in_pieces() {
        let framed = frame(b"hello");
        let pieces = framed.chunks(2).map(|piece| {
            Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(piece)))
        });
        let body = StreamBody::new(futures::stream::iter(pieces.collect::<Vec<_>>()));
        let (message, _) = one_message(body, None, 64).await.unwrap();
        assert_eq!(message.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_body_is_handed_on_as_it_came() {
        for (framed, encoding) in [(frame(b"hello"), None), (gzip(b"hello").into(), Some("gzip"))] {
            let encoding = encoding.map(HeaderValue::from_static);
            let body = Full::new(framed.clone());
            let (message, kept) = one_message_kept(body, encoding.as_ref(), 64).await.unwrap();
            assert_eq!(message.unwrap(), "hello");
            assert_eq!(kept.collect().await.unwrap().to_bytes(), framed);
        }
        let nothing = Full::new(Bytes::new());
        let (message, kept) = one_message_kept(nothing, None, 64).await.unwrap();
        assert!(message.is_none() && kept.is_end_stream());
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let two = [frame(b"one"), frame(b"two")].concat();
        assert!(matches!(read(&two, None).await, Err(FramingError::SeveralMessages)));
        let many = vec![frame(b"one"); 20].concat();
        assert!(matches!(read(&many, None).await, Err(FramingError::SeveralMessages)));
        assert!(matches!(read(&[0, 0, 0], None).await, Err(FramingError::Truncated)));
        assert!(matches!(read(&frame(b"hello")[..8], None).await, Err(FramingError::Truncated)));
        let large = frame(&[7; 65]);
        assert!(matches!(read(&large, None).await, Err(FramingError::TooLarge { limit: 64 })));
        let bomb = gzip(&[0; 10_000]);
        assert!(matches!(read(&bomb, Some("gzip")).await, Err(FramingError::TooLarge { .. })));
        assert!(matches!(read(&gzip(b"x"), Some("zstd")).await, Err(FramingError::Encoding(_))));
        assert!(matches!(read(&[1, 0, 0, 0, 1, 9], Some("gzip")).await, Err(FramingError::Gzip)));
    }
}
