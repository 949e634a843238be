//! Who may be in which of our rooms.

use contracts::room::{self, Kind};
use platform::token::same_secret;

use super::account::who_is::who_is;
use crate::{
    domain::{
        role::Role,
        scope::{Scope, Scopes},
    },
    error::Result,
    ids::HostId,
    service::Service,
    store::api_key,
};

/// The rooms, of those given, that the holder of a token or of a session may be in. Everybody may be in a
/// giveaway's.
///
/// # Errors
/// When the database fails.
pub async fn admit_to_rooms(
    service: &Service,
    token_hash: &[u8; 32],
    rooms: Vec<String>,
) -> Result<Vec<String>> {
    let (mut host, mut is_admin) = (None, same_secret(token_hash, &service.admin_token_hash));
    if let Some(who) = who_is(service, token_hash).await? {
        host = who.roles.host;
        is_admin = is_admin || who.roles.is_admin;
    } else if let Some(key) = good_key(service, token_hash).await? {
        host = Some(HostId(key.owner_id));
    }
    let own = host.map(|host| Kind::Host.room(host));
    let may = |name: &String| match room::parse(name) {
        Some((Kind::Giveaway, _)) => true,
        Some((Kind::Host, _)) => is_admin || own.as_ref() == Some(name),
        Some((Kind::Admin, _)) => is_admin,
        _ => false,
    };
    Ok(rooms.into_iter().filter(may).collect())
}

/// A host's room tells of its wallet and of its giveaways: a key has to be allowed to see both.
async fn good_key(service: &Service, hash: &[u8; 32]) -> Result<Option<api_key::Model>> {
    let (mode, now) = (service.mode().as_str(), service.clock.now());
    let key = api_key::find(service.db.read(), hash, Role::Host).await?;
    let may = |scopes: Scopes| {
        [Scope::GiveawaysRead, Scope::WalletRead].iter().all(|scope| scopes.allow(Some(*scope)))
    };
    Ok(key.filter(|key| key.is_good(mode, now) && may(key.allowed())))
}
