//! The typed gRPC contracts between the applications: generated clients and servers, and how a
//! refusal travels as a gRPC status.
//!
//! | module | what it holds |
//! |---|---|
//! | [`giftcard`], [`giveaway`], [`processor`], [`realtime`], [`types`] | generated from `proto/handsel/*/v1` |
//! | [`refusal`] | typed refusals: only an answer that carries one counts as a decision |
//! | [`mail`] | the templates that exist, named once |
//! | [`room`] | which rooms there are, and whose they are |
//! | [`session`] | the cookie of who is signed in |

pub mod mail;
pub mod refusal;
pub mod room;
pub mod session;

/// The descriptors of all contracts: for the durable channel (which methods are idempotent, which
/// stream) and for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/handsel_descriptor.bin"));

/// Lanes of the call queue: one per target service.
pub mod lane {
    /// Calls that giveaway-api executes.
    pub const GIVEAWAY: &str = "giveaway";
    /// Calls that giftcard-api executes.
    pub const GIFTCARD: &str = "giftcard";
    /// Calls that the job processor executes.
    pub const PROCESSOR: &str = "processor";
    /// Calls that any gateway executes.
    pub const REALTIME: &str = "realtime";
}

/// Full method paths, for calls that are stored as bytes before they are made.
pub mod method {
    /// `GiftcardService.ReserveEscrows`
    pub const RESERVE_ESCROWS: &str = "/handsel.giftcard.v1.GiftcardService/ReserveEscrows";
    /// `GiftcardService.ConfirmEscrows`
    pub const CONFIRM_ESCROWS: &str = "/handsel.giftcard.v1.GiftcardService/ConfirmEscrows";
    /// `GiftcardService.CancelEscrows`
    pub const CANCEL_ESCROWS: &str = "/handsel.giftcard.v1.GiftcardService/CancelEscrows";
    /// `GiftcardService.IssueCard`
    pub const ISSUE_CARD: &str = "/handsel.giftcard.v1.GiftcardService/IssueCard";
    /// `GiftcardService.ReturnEscrow`
    pub const RETURN_ESCROW: &str = "/handsel.giftcard.v1.GiftcardService/ReturnEscrow";
    /// `GiveawayService.ResolveEscrows`
    pub const RESOLVE_ESCROWS: &str = "/handsel.giveaway.v1.GiveawayService/ResolveEscrows";
    /// `GiveawayService.CreditVoid`
    pub const CREDIT_VOID: &str = "/handsel.giveaway.v1.GiveawayService/CreditVoid";
    /// `MailService.SendMails`
    pub const SEND_MAILS: &str = "/handsel.processor.v1.MailService/SendMails";
    /// `AnalyticsService.RecordCounts`
    pub const RECORD_COUNTS: &str = "/handsel.processor.v1.AnalyticsService/RecordCounts";
    /// `RealtimeService.Publish`
    pub const PUBLISH: &str = "/handsel.processor.v1.RealtimeService/Publish";
}

pub use generated::{
    giftcard::v1 as giftcard, giveaway::v1 as giveaway, processor::v1 as processor,
    realtime::v1 as realtime, r#type::v1 as types,
};

#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated from proto/, documented there"
)]
mod generated {
    pub(crate) mod r#type {
        pub mod v1 {
            tonic::include_proto!("handsel.r#type.v1");
        }
    }
    pub(crate) mod giftcard {
        pub mod v1 {
            tonic::include_proto!("handsel.giftcard.v1");
        }
    }
    pub(crate) mod giveaway {
        pub mod v1 {
            tonic::include_proto!("handsel.giveaway.v1");
        }
    }
    pub(crate) mod realtime {
        pub mod v1 {
            tonic::include_proto!("handsel.realtime.v1");
        }
    }
    pub(crate) mod processor {
        pub mod v1 {
            tonic::include_proto!("handsel.processor.v1");
        }
    }
}
