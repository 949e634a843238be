//! Who may be in which of our rooms.

use contracts::room::{self, Kind};
use platform::token::same_secret;

use crate::{error::Result, service::Service, store::host};

/// The rooms, of those given, that the holder of a token may be in. Everybody may be in a giveaway's.
///
/// # Errors
/// When the database fails.
pub async fn admit_to_rooms(
    service: &Service,
    token_hash: &[u8; 32],
    rooms: Vec<String>,
) -> Result<Vec<String>> {
    let is_admin = same_secret(token_hash, &service.admin_token_hash);
    let host = host::by_token(service.db.read(), token_hash).await?;
    let own = host.map(|host| Kind::Host.room(host));
    let may = |name: &String| match room::parse(name) {
        Some((Kind::Giveaway, _)) => true,
        Some((Kind::Host, _)) => is_admin || own.as_ref() == Some(name),
        Some((Kind::Admin, _)) => is_admin,
        _ => false,
    };
    Ok(rooms.into_iter().filter(may).collect())
}
