//! What a callee answered, and how a call ended; both as they are stored.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;
use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    headers::GRPC_STATUS,
    id::CallId,
    outcome,
    raw::RawReply,
    store::{EndKind, Ended, StoredAnswer},
};

impl StoredAnswer {
    /// The status code of the answer, which is in its trailers.
    #[must_use]
    pub fn code(&self) -> Code {
        self.trailers
            .get(GRPC_STATUS)
            .map_or(Code::Unknown, |value| Code::from_bytes(value.as_bytes()))
    }

    /// The answer as the refusal it is: message, details and all metadata. `None` when it is OK.
    #[must_use]
    pub fn refusal(&self) -> Option<Status> {
        (self.code() != Code::Ok)
            .then(|| Status::from_header_map(&self.merged()).unwrap_or_else(invalid))
    }

    /// Initial metadata and trailers in one map, as an error without a body carries them.
    pub(crate) fn merged(&self) -> HeaderMap {
        let mut merged = self.headers.clone();
        merged.extend(self.trailers.clone());
        merged
    }
}

fn invalid() -> Status {
    Status::unknown("stored answer has no status")
}

impl Ended {
    /// The reply of the callee, its refusal, or a status of the library that says how the call ended.
    ///
    /// # Errors
    /// Everything that is not an OK answer.
    pub fn reply(&self, id: CallId) -> Result<RawReply, Status> {
        match &self.answer {
            Some(answer) if self.kind == EndKind::Answered => {
                if let Some(mut refusal) = answer.refusal() {
                    refusal.metadata_mut().as_mut().insert(crate::CALL_ID, id.header_value());
                    return Err(refusal);
                }
                let mut metadata = answer.headers.clone();
                metadata.insert(crate::CALL_ID, id.header_value());
                let mut trailers = answer.trailers.clone();
                trailers.remove(GRPC_STATUS);
                Ok(RawReply {
                    id,
                    message: answer.message.clone().unwrap_or_default(),
                    metadata: MetadataMap::from_headers(metadata),
                    trailers: MetadataMap::from_headers(trailers),
                })
            }
            _ => Err(outcome::ended_without_answer(id, self)),
        }
    }

    /// The bytes a store keeps. The format is protobuf: fields may be added, never changed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        EndedRecord {
            kind: self.kind.number(),
            reason: self.reason.clone(),
            may_have_executed: self.may_have_executed,
            answer: self.answer.as_ref().map(|answer| AnswerRecord {
                headers: to_entries(&answer.headers),
                message: answer.message.clone(),
                trailers: to_entries(&answer.trailers),
            }),
        }
        .encode_to_vec()
    }

    /// What [`encode`](Self::encode) wrote, or `None` when the bytes are something else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let record = EndedRecord::decode(bytes).ok()?;
        let answer = match record.answer {
            Some(answer) => Some(StoredAnswer {
                headers: from_entries(answer.headers)?,
                message: answer.message,
                trailers: from_entries(answer.trailers)?,
            }),
            None => None,
        };
        Some(Self {
            kind: EndKind::from_number(record.kind)?,
            answer,
            reason: record.reason,
            may_have_executed: record.may_have_executed,
        })
    }
}

/// The bytes a store keeps for the metadata of a request.
#[must_use]
pub fn encode_metadata(headers: &HeaderMap) -> Vec<u8> {
    MetadataRecord { entries: to_entries(headers) }.encode_to_vec()
}

/// What [`encode_metadata`] wrote, or `None` when the bytes are something else.
#[must_use]
pub fn decode_metadata(bytes: &[u8]) -> Option<HeaderMap> {
    from_entries(MetadataRecord::decode(bytes).ok()?.entries)
}

#[derive(Clone, PartialEq, prost::Message)]
struct EndedRecord {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    reason: String,
    #[prost(bool, tag = "3")]
    may_have_executed: bool,
    #[prost(message, optional, tag = "4")]
    answer: Option<AnswerRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnswerRecord {
    #[prost(message, repeated, tag = "1")]
    headers: Vec<EntryRecord>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    message: Option<Bytes>,
    #[prost(message, repeated, tag = "3")]
    trailers: Vec<EntryRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MetadataRecord {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<EntryRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EntryRecord {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

fn to_entries(headers: &HeaderMap) -> Vec<EntryRecord> {
    headers
        .iter()
        .map(|(name, value)| EntryRecord {
            name: name.as_str().to_owned(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        })
        .collect()
}

fn from_entries(entries: Vec<EntryRecord>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(entries.len());
    for entry in entries {
        let name = HeaderName::try_from(entry.name).ok()?;
        headers.append(name, HeaderValue::from_maybe_shared(entry.value).ok()?);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_survives_its_encoding() {
        let mut headers = HeaderMap::new();
        headers.append("x-colour", HeaderValue::from_static("red"));
        headers.append("x-colour", HeaderValue::from_static("blue"));
        headers.append("x-raw-bin", HeaderValue::from_static("AAEC"));
        let mut trailers = HeaderMap::new();
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        let ended = Ended {
            kind: EndKind::Answered,
            answer: Some(StoredAnswer {
                headers,
                message: Some(Bytes::from_static(b"hello")),
                trailers,
            }),
            reason: String::new(),
            may_have_executed: true,
        };
        assert_eq!(Ended::decode(&ended.encode()), Some(ended));
        assert_eq!(Ended::decode(b"\xff\xff"), None);
    }

    #[test]
    fn a_refusal_keeps_message_details_and_metadata() {
        let mut refused = Status::with_details(
            Code::FailedPrecondition,
            "escrow is spent",
            Bytes::from_static(&[0, 1, 2]),
        );
        refused.metadata_mut().insert("x-colour", "red".parse().unwrap());
        let mut trailers = HeaderMap::new();
        refused.add_header(&mut trailers).unwrap();
        let answer = StoredAnswer { headers: HeaderMap::new(), message: None, trailers };

        let again = answer.refusal().unwrap();

        assert_eq!(again.code(), Code::FailedPrecondition);
        assert_eq!(again.message(), "escrow is spent");
        assert_eq!(again.details(), &[0, 1, 2]);
        assert_eq!(again.metadata().get("x-colour").unwrap(), "red");
        assert_eq!(outcome::outcome(&again), None);
    }
}
