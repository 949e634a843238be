//! Why something was not done, as far as the caller can do something about it.

use std::borrow::Cow;

use jiff::Timestamp;
use ledger::{Currency, Money};

use super::{
    authorisation::AuthorisationState,
    ids::{AuthorisationId, ProductId, RedemptionId},
    settlement::SettlementState,
};

/// An expected refusal. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A field of the request is wrong, whatever the state of things.
    #[error("{}: {detail}", pointer.trim_start_matches('/'))]
    Invalid {
        /// JSON pointer to the field.
        pointer: Cow<'static, str>,
        /// What is wrong with it.
        detail: Cow<'static, str>,
    },
    /// There is no such thing, or not for this caller.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    #[error("there is no product {id}")]
    ProductUnknown { id: ProductId },
    #[error("product {id} is closed for new prizes")]
    ProductClosed { id: ProductId },
    #[error("the amount is in {given}, {expected} is needed")]
    CurrencyMismatch { expected: Currency, given: Currency },
    #[error("the value must be from {min} to {max}")]
    ValueOutOfRange { min: Money, max: Money },
    #[error("there is no such escrow")]
    EscrowUnknown,
    #[error("the escrow was cancelled")]
    EscrowCancelled,
    #[error("the escrow is funded and cannot be cancelled")]
    EscrowFunded,
    #[error("the escrow was given back")]
    EscrowRefunded,
    #[error("the escrow became the card of another winner")]
    EscrowIssuedToOther,
    #[error("the escrow belongs to another reservation")]
    EscrowOfOther,
    /// Deliberately the same for an unknown code, an empty card and an expired one.
    #[error("no card with a balance has this code")]
    CardNotFound,
    #[error("the card is used up")]
    CardExhausted { available: Money },
    #[error("the card has expired")]
    CardExpired { at: Option<Timestamp> },
    #[error("the card was voided")]
    CardVoided,
    #[error("the card has {available} left")]
    InsufficientBalance { available: Money },
    #[error("external_id was used for redemption {id}")]
    ExternalIdUsed { id: RedemptionId },
    #[error("external_id was used for authorisation {id}")]
    AuthorisationKnown { id: AuthorisationId },
    #[error("the attempt may still come to an end by itself")]
    AttemptLive,
    #[error("the settlement is {state} already")]
    SettlementEnded { state: SettlementState },
    #[error("the transfer was accepted already")]
    TransferAccepted,
    #[error("the authorisation is {state} already")]
    AuthorisationEnded { state: AuthorisationState },
    #[error("only {authorised} were authorised")]
    CaptureTooLarge { authorised: Money },
    #[error("only {left} of the redemption are left to reverse")]
    ReversalTooLarge { left: Money },
    #[error("the link is not valid")]
    LinkInvalid,
    #[error("the link has expired; ask for a new one")]
    LinkExpired,
    #[error("the link was used already; ask for a new one")]
    LinkUsed,
    #[error("there is nothing to settle: {carried} is carried to the next settlement")]
    NothingToSettle { carried: Money },
    #[error("settlements to this merchant wait for an operator")]
    MerchantBlocked,
    #[error("the merchant has closed: what its cards have left goes back to whoever funded them")]
    MerchantClosed,
    #[error("{authorised} of the card is set aside for a till; void it when that has ended")]
    CardAuthorised { authorised: Money },
}

/// The nature of a refusal, which decides the HTTP and the gRPC status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// It names something that does not exist for the caller.
    NotFound,
    /// The state of things does not allow it.
    State,
}

impl Refusal {
    /// A wrong field.
    pub(crate) fn invalid(
        pointer: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Invalid { pointer: pointer.into(), detail: detail.into() }
    }

    /// The stable name, for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_input",
            Self::NotFound { .. } => "not_found",
            Self::ProductUnknown { .. } => "product_unknown",
            Self::ProductClosed { .. } => "product_closed",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::ValueOutOfRange { .. } => "value_out_of_range",
            Self::EscrowUnknown => "escrow_unknown",
            Self::EscrowCancelled => "escrow_cancelled",
            Self::EscrowFunded => "escrow_funded",
            Self::EscrowRefunded => "escrow_refunded",
            Self::EscrowIssuedToOther => "escrow_issued_to_other",
            Self::EscrowOfOther => "escrow_of_other",
            Self::CardNotFound => "card_not_found",
            Self::CardExhausted { .. } => "card_exhausted",
            Self::CardExpired { .. } => "card_expired",
            Self::CardVoided => "card_voided",
            Self::InsufficientBalance { .. } => "insufficient_balance",
            Self::ExternalIdUsed { .. } => "external_id_used",
            Self::AuthorisationKnown { .. } => "authorisation_known",
            Self::AttemptLive => "attempt_live",
            Self::SettlementEnded { .. } => "settlement_ended",
            Self::TransferAccepted => "transfer_accepted",
            Self::AuthorisationEnded { .. } => "authorisation_ended",
            Self::CaptureTooLarge { .. } => "capture_too_large",
            Self::ReversalTooLarge { .. } => "reversal_too_large",
            Self::LinkInvalid => "link_invalid",
            Self::LinkExpired => "link_expired",
            Self::LinkUsed => "link_used",
            Self::NothingToSettle { .. } => "nothing_to_settle",
            Self::MerchantBlocked => "merchant_blocked",
            Self::MerchantClosed => "merchant_closed",
            Self::CardAuthorised { .. } => "card_authorised",
        }
    }

    /// Its nature.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. } | Self::LinkInvalid => Kind::Invalid,
            Self::NotFound { .. }
            | Self::ProductUnknown { .. }
            | Self::EscrowUnknown
            | Self::CardNotFound => Kind::NotFound,
            _ => Kind::State,
        }
    }
}
