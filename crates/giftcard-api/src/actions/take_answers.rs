//! What the answers to the calls in the outbox mean. Each is applied in the transaction that removes
//! the call, so once; an answer that cannot be applied keeps its call, which is replayed.

use async_trait::async_trait;
use contracts::method;
use durable_grpc::Answer;
use platform::{
    Tx,
    outbox::{Answers, Call},
};

use super::resolve_escrows::Decisions;
use crate::{domain::ids::VoidId, store::void};

/// Applies the answers to our calls.
pub(crate) struct TakeAnswers(pub(crate) Decisions);

#[async_trait]
impl Answers for TakeAnswers {
    async fn answered(&self, tx: &Tx, call: &Call, answer: &Answer) -> anyhow::Result<()> {
        if call.method != method::CREDIT_VOID {
            return self.0.apply(tx, call, answer).await;
        }
        match answer {
            Answer::Reply(_) => {
                void::credited(tx, VoidId(call.subject), self.0.clock.now_ms()).await?;
                Ok(())
            }
            // Money waits for it, and a healthy giveaway-api refuses none: the call is kept, repeated,
            // and alerts each time.
            Answer::Refused(status)
            | Answer::Dead(status)
            | Answer::Ambiguous(status)
            | Answer::Mismatch(status) => {
                anyhow::bail!("{:?}: {}", status.code(), status.message())
            }
        }
    }
}
