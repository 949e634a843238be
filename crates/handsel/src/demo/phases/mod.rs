//! The phases of the story, one file each.

mod audit;
mod claim;
mod close;
mod draw;
mod entries;
mod publish;
mod redeem;
mod settle;
mod setup;
mod succession;
mod top_up;
mod verify;

pub(crate) use redeem::net_redeemed;
pub(crate) use settle::settlements;

use super::Demo;

/// A phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Setup,
    TopUp,
    Publish,
    Entries,
    Close,
    Draw,
    Verify,
    Claim,
    Succession,
    Redeem,
    Settle,
    Audit,
}

impl Phase {
    /// All phases, in the order of the story.
    pub(crate) const ALL: [Self; 12] = [
        Self::Setup,
        Self::TopUp,
        Self::Publish,
        Self::Entries,
        Self::Close,
        Self::Draw,
        Self::Verify,
        Self::Claim,
        Self::Succession,
        Self::Redeem,
        Self::Settle,
        Self::Audit,
    ];

    /// The name for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::TopUp => "top_up",
            Self::Publish => "publish",
            Self::Entries => "entries",
            Self::Close => "close",
            Self::Draw => "draw",
            Self::Verify => "verify",
            Self::Claim => "claim",
            Self::Succession => "succession",
            Self::Redeem => "redeem",
            Self::Settle => "settle",
            Self::Audit => "audit",
        }
    }

    /// The heading for people.
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Setup => "A host and two merchants",
            Self::TopUp => "The host pays in",
            Self::Publish => "The giveaway is published, and every prize is funded",
            Self::Entries => "People enter",
            Self::Close => "Entries close",
            Self::Draw => "The entries are committed to, and the beacon decides",
            Self::Verify => "Anyone can check the draw",
            Self::Claim => "Winners claim their cards",
            Self::Succession => "Two winners step aside, and alternates take their place",
            Self::Redeem => "At the till",
            Self::Settle => "The merchants are paid",
            Self::Audit => "The books are audited",
        }
    }
}

/// Plays one phase. Whatever of it happened in an earlier run is found, not done again.
pub(crate) async fn play(phase: Phase, demo: &mut Demo) -> anyhow::Result<()> {
    match phase {
        Phase::Setup => setup::play(demo).await,
        Phase::TopUp => top_up::play(demo).await,
        Phase::Publish => publish::play(demo).await,
        Phase::Entries => entries::play(demo).await,
        Phase::Close => close::play(demo).await,
        Phase::Draw => draw::play(demo).await,
        Phase::Verify => verify::play(demo).await,
        Phase::Claim => claim::play(demo).await,
        Phase::Succession => succession::play(demo).await,
        Phase::Redeem => redeem::play(demo).await,
        Phase::Settle => settle::play(demo).await,
        Phase::Audit => audit::play(demo).await,
    }
}
