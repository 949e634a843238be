//! A winner claims the prize: from that moment it is theirs, the card is issued, and a token to see
//! its code is minted. Claiming again with the same link leads to the same card, until the code has
//! been shown once; after that a fresh link has to be mailed.

use std::time::Duration;

use contracts::{
    giftcard::{
        GetCardsRequest, IssueCardRequest, IssueCardResponse, MintRevealTokenRequest,
        giftcard_service_client::GiftcardServiceClient,
    },
    lane, method,
};
use durable_grpc::RawCall;
use jiff::{SignedDuration, Timestamp};
use platform::{
    Tx,
    clock::from_millis,
    outbox::{self, NewCall},
    token::{BadLink, Link, open_link},
};
use prost::Message as _;
use tonic::{Request, Status};

use crate::{
    domain::winner::WinnerState,
    error::{Error, Result},
    ids::{CardId, EscrowId, GiveawayId, UnitId, WinnerId},
    service::Service,
    store::{
        counter_delta::{self, Counted},
        giveaway, prize, unit, winner,
    },
};

/// What links to a prize are for, in their MAC.
pub const CLAIM: &str = "claim";

/// What links to a card that was claimed are for, in their MAC.
pub const CARD: &str = "card";

/// How long a winner waits for the card before being told to look again.
const ISSUE_WAIT: Duration = Duration::from_secs(5);

/// A query that takes longer is better given up: a person is waiting.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a fresh link opens the card, from its first use on: enough to try again when the
/// connection breaks, too short for whoever finds the mail later.
const CARD_LINK_USE: SignedDuration = SignedDuration::from_mins(15);

/// A prize as its winner sees it.
#[derive(Clone, Debug)]
pub struct Prize {
    /// The giveaway.
    pub giveaway: GiveawayId,
    /// Its name.
    pub title: String,
    /// What the prize is.
    pub product_name: String,
    /// Where it can be spent.
    pub merchant_name: String,
    /// Its value, in minor units of the currency.
    pub value_minor: i64,
    /// The currency.
    pub currency: String,
    /// Where the winner stands.
    pub state: WinnerState,
    /// Until when it can be claimed.
    pub claim_until: Timestamp,
}

/// A prize that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The prize.
    pub prize: Prize,
    /// How to see the code; none while the card is being issued.
    pub reveal: Option<Reveal>,
}

/// How to see the code of a card, once.
#[derive(Clone)]
pub struct Reveal {
    /// To be posted to the card page.
    pub token: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A token has no place in a log.
impl std::fmt::Debug for Reveal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reveal").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What a mailed link is worth.
pub(crate) enum Opened {
    /// The link to the prize.
    Claim(Link),
    /// A fresh link to a card that was claimed.
    Card(Link),
}

/// The prize behind a mailed link, for the page that asks whether to claim it. Changes nothing.
///
/// # Errors
/// A link that is not ours or has expired.
pub async fn look_at_prize(service: &Service, token: &str) -> Result<Prize> {
    let winner = find(service, open(service, token)?.link()).await?;
    prize(service, &winner).await
}

/// Claims the prize behind a mailed link.
///
/// # Errors
/// A link that is not ours, has expired or has done its work; a prize that passed on.
pub async fn claim_prize(service: &Service, token: &str) -> Result<Claimed> {
    let opened = open(service, token)?;
    let mut row = find(service, opened.link()).await?;
    if row.state()? == WinnerState::Selected {
        claim(service, row.winner_id()).await?;
        row = find(service, opened.link()).await?;
    }
    match row.state()? {
        WinnerState::Claimed => {}
        WinnerState::Selected => return Err(anyhow::anyhow!("a claim had no effect").into()),
        state => {
            let message = format!("the prize is not yours any more: {state}");
            return Err(Error::gone("prize_passed_on", message));
        }
    }
    let prize = prize(service, &row).await?;
    let Some(card) = card(service, &row).await? else {
        return Ok(Claimed { prize, reveal: None });
    };
    may_see(service, &opened, row.winner_id(), card).await?;
    Ok(Claimed { prize, reveal: Some(mint(service, card).await?) })
}

/// What a mailed link is worth now.
///
/// # Errors
/// A link that is not ours or has expired.
pub(crate) fn open(service: &Service, token: &str) -> Result<Opened> {
    let now = service.clock.now();
    let opened = match open_link(&service.link_key, CLAIM, token, now) {
        Err(BadLink::Invalid) => open_link(&service.link_key, CARD, token, now).map(Opened::Card),
        opened => opened.map(Opened::Claim),
    };
    opened.map_err(|bad| match bad {
        BadLink::Invalid => Error::NotFound("link"),
        BadLink::Expired => {
            Error::gone("link_expired", "the link has expired; ask for a fresh one")
        }
    })
}

impl Opened {
    fn link(&self) -> &Link {
        match self {
            Self::Claim(link) | Self::Card(link) => link,
        }
    }
}

async fn find(service: &Service, link: &Link) -> Result<winner::Model> {
    // Read from the writer: a claim a moment ago must be seen.
    let winner = winner::find(service.db.write(), WinnerId(link.subject)).await?;
    winner.ok_or(Error::NotFound("prize"))
}

/// `selected → claimed`, and the call that issues the card, in one transaction. A winner who is not
/// `selected` any more stays as they are.
async fn claim(service: &Service, id: WinnerId) -> Result<()> {
    let now = service.clock.now();
    let tx = service.db.begin("claim_prize").await?;
    let row = winner::find(&tx, id).await?.ok_or(Error::NotFound("prize"))?;
    let giveaway = giveaway::lock(&tx, GiveawayId(row.giveaway_id)).await?.giveaway_id();
    if now >= from_millis(row.claim_until) {
        return Err(Error::gone("claim_expired", "the time to claim the prize is over"));
    }
    if !winner::leave_selected(&tx, &row, WinnerState::Claimed, "claimed by the winner", now)
        .await?
    {
        return Ok(());
    }
    let call = issue_call(&tx, &row).await?;
    outbox::enqueue(&tx, call, now.as_millisecond()).await?;
    let claims = Counted { name: "claims", label: String::new() };
    counter_delta::add(&tx, giveaway, [(claims, 1)], now.as_millisecond()).await?;
    tx.commit().await?;
    tracing::info!(winner = %id, %giveaway, "claimed");
    service.wake_relay();
    Ok(())
}

/// The call that issues the winner's card, always with the same key and bytes.
pub(crate) async fn issue_call<C: sea_orm::ConnectionTrait>(
    conn: &C,
    row: &winner::Model,
) -> Result<NewCall> {
    let unit = unit::find(conn, UnitId(row.unit_id)).await?.ok_or(Error::NotFound("prize"))?;
    let winner_id = row.winner_id().to_string();
    let key = format!("{winner_id}:issue");
    let request = IssueCardRequest { escrow_id: EscrowId(unit.escrow_id).to_string(), winner_id };
    Ok(NewCall {
        lane: lane::GIFTCARD,
        method: method::ISSUE_CARD,
        key,
        subject: row.id,
        payload: request.encode_to_vec(),
        not_before_ms: 0,
    })
}

/// The winner's card: as noted, or as the call that issues it answers in a few seconds.
async fn card(service: &Service, row: &winner::Model) -> Result<Option<CardId>> {
    if let Some(card) = row.card_id {
        return Ok(Some(CardId(card)));
    }
    let call = issue_call(service.db.read(), row).await?;
    let call = RawCall {
        key: Some(call.key),
        deadline: Some(ISSUE_WAIT),
        ..RawCall::new(call.lane, call.method, call.payload)
    };
    match service.calls.call_raw(call).await {
        Ok(reply) => {
            let reply = IssueCardResponse::decode(reply.message).map_err(anyhow::Error::from)?;
            Ok(Some(reply.card_id.parse().map_err(anyhow::Error::from)?))
        }
        // The outbox keeps the call, so the card comes; only this winner has waited long enough.
        Err(status) => {
            let (code, message) = (status.code(), status.message());
            tracing::warn!(winner = %row.winner_id(), ?code, message, "a card is not issued yet");
            Ok(None)
        }
    }
}

/// Whether this link may still lead to the code.
async fn may_see(service: &Service, opened: &Opened, winner: WinnerId, card: CardId) -> Result<()> {
    let used = || Error::gone("link_used", "the code was shown before; ask for a fresh link");
    match opened {
        Opened::Claim(_) => {
            let mut request = Request::new(GetCardsRequest { ids: vec![card.to_string()] });
            request.set_timeout(QUERY_TIMEOUT);
            let mut giftcard = GiftcardServiceClient::new(service.giftcard.clone());
            let cards = giftcard.get_cards(request).await.map_err(unavailable)?.into_inner().cards;
            if cards.iter().any(|card| card.revealed) { Err(used()) } else { Ok(()) }
        }
        Opened::Card(link) => {
            let now = service.clock.now();
            let tx: Tx = service.db.begin("claim_seen").await?;
            let first = winner::first_use(&tx, link.nonce, winner, now).await?;
            tx.commit().await?;
            if now.duration_since(first) < CARD_LINK_USE { Ok(()) } else { Err(used()) }
        }
    }
}

async fn mint(service: &Service, card: CardId) -> Result<Reveal> {
    let mut request = Request::new(MintRevealTokenRequest { card_id: card.to_string() });
    request.set_timeout(QUERY_TIMEOUT);
    let mut giftcard = GiftcardServiceClient::new(service.giftcard.clone());
    let reply = giftcard.mint_reveal_token(request).await.map_err(unavailable)?.into_inner();
    Ok(Reveal { token: reply.token, expires_at: from_millis(reply.expires_at_ms) })
}

fn unavailable(status: Status) -> Error {
    tracing::warn!(code = ?status.code(), message = status.message(), "a card could not be asked about");
    Error::Unavailable("your prize is claimed, but the card cannot be shown now; try again".into())
}

/// What the winner sees of the prize.
pub(super) async fn prize(service: &Service, row: &winner::Model) -> Result<Prize> {
    let conn = service.db.read();
    let id = GiveawayId(row.giveaway_id);
    let giveaway = giveaway::find(conn, id).await?.ok_or(Error::NotFound("giveaway"))?;
    let unit = unit::find(conn, UnitId(row.unit_id)).await?.ok_or(Error::NotFound("prize"))?;
    let lines = prize::of_giveaway(conn, id).await?;
    let line = lines.into_iter().find(|line| line.id == unit.prize_id);
    let line = line.ok_or(Error::NotFound("prize"))?;
    Ok(Prize {
        giveaway: id,
        title: giveaway.title,
        product_name: line.product_name,
        merchant_name: line.merchant_name,
        value_minor: unit.value_minor,
        currency: unit.currency,
        state: row.state()?,
        claim_until: from_millis(row.claim_until),
    })
}
