//! The rooms `merchant:…`: what they have to say, and who may be in them.

use contracts::room::{self, Kind};
use platform::{
    rooms::{self, Position, RoomState},
    token::same_secret,
};
use serde_json::{Value, json};

use super::who_is::who_is;
use crate::{
    domain::ids::MerchantId,
    error::Result,
    service::Service,
    store::{line, merchant, money, token},
};

/// Reads rooms after the positions given. Those that do not exist, or are not ours, are left out.
pub(crate) async fn read_rooms(
    service: &Service,
    after: Vec<Position>,
    limit: u64,
) -> Result<Vec<RoomState>> {
    let (mut known, mut snapshots) = (Vec::new(), Vec::new());
    for position in after {
        if let Some((Kind::Merchant, id)) = room::parse(&position.room)
            && let Ok(id) = id.parse()
            && let Some(snapshot) = snapshot(service, id).await?
        {
            known.push(position);
            snapshots.push(snapshot);
        }
    }
    let pages = rooms::read(service.db.read(), &known, limit).await?;
    let states = known.into_iter().zip(pages).zip(snapshots);
    Ok(states
        .map(|((position, page), snapshot)| RoomState { room: position.room, page, snapshot })
        .collect())
}

/// What a merchant's next settlements come to.
async fn snapshot(service: &Service, id: MerchantId) -> Result<Option<Value>> {
    let conn = service.db.read();
    if merchant::find(conn, id).await?.is_none() {
        return Ok(None);
    }
    let waiting = line::waiting_sums(conn, Some(id)).await?;
    let due: Vec<_> =
        waiting.iter().map(|sum| money(sum.minor, &sum.currency)).collect::<anyhow::Result<_>>()?;
    Ok(Some(json!({ "due": due })))
}

/// The rooms, of those given, that the holder of a token may be in, or who is signed in.
pub(crate) async fn admit_to_rooms(
    service: &Service,
    token_hash: &[u8],
    rooms: Vec<String>,
) -> Result<Vec<String>> {
    let mut is_admin = same_secret(token_hash, &service.admin_token_hash);
    let mut merchant = token::merchant(service.db.read(), token_hash).await?;
    if merchant.is_none()
        && !is_admin
        && let Some(who) = who_is(service, token_hash).await?
    {
        (merchant, is_admin) = (who.merchant, who.is_admin);
    }
    let own = merchant.map(|merchant| Kind::Merchant.room(merchant));
    let may = |name: &String| {
        let is_ours = matches!(room::parse(name), Some((Kind::Merchant, _)));
        is_ours && (is_admin || own.as_ref() == Some(name))
    };
    Ok(rooms.into_iter().filter(may).collect())
}
