//! How an installation gets its administrators when there is nobody to invite them: a link for whoever runs
//! it, printed where only they look.

use jiff::Timestamp;
use platform::{Db, keys::Key};
use uuid::Uuid;

use super::links;
use crate::{
    domain::{address::Address, role::Role},
    error::{Error, Result},
    ids::InvitationId,
    service::Service,
    store::{account_role, audit_entry, invitation},
};

/// Where a link leads, and by what it is signed.
#[derive(Debug)]
pub struct Place<'a> {
    /// The database.
    pub db: &'a Db,
    /// Signs links.
    pub link_key: &'a Key,
    /// What links begin with.
    pub public_url: &'a str,
}

/// A link that makes whoever follows it the first administrator; none when there is one. It works once, and
/// a new one is minted each time.
///
/// # Errors
/// When the database fails.
pub async fn first_admin_link(service: &Service) -> Result<Option<String>> {
    let place = Place {
        db: &service.db,
        link_key: &service.link_key,
        public_url: &service.config.public_url,
    };
    let now = service.clock.now();
    if account_role::has_admin(place.db.read()).await? {
        return Ok(None);
    }
    open_link(&place, now).await.map(Some)
}

/// A link that makes somebody an administrator, for whoever runs the installation. With an address it is for
/// that person, who may have an account; without, it is for whoever has it, and only while there is no
/// administrator.
///
/// # Errors
/// What is no address; an address is needed and missing.
pub async fn admin_link(place: &Place<'_>, email: Option<&str>, now: Timestamp) -> Result<String> {
    let Some(email) = email else {
        if account_role::has_admin(place.db.read()).await? {
            let reason = "there is an administrator: name the address of another";
            return Err(Error::state("email_needed", reason));
        }
        return open_link(place, now).await;
    };
    let address = Address::of(email).map_err(|error| Error::field("/email", error.to_string()))?;
    let id = InvitationId::new();
    let tx = place.db.begin("admin_link").await?;
    insert(&tx, id, Some(address), now).await?;
    tx.commit().await?;
    Ok(link(place, id, now))
}

async fn open_link(place: &Place<'_>, now: Timestamp) -> Result<String> {
    let tx = place.db.begin("first_admin_link").await?;
    let id = match invitation::of_first_admin(&tx).await? {
        Some(open) => InvitationId(open.id),
        None => {
            let id = InvitationId::new();
            insert(&tx, id, None, now).await?;
            id
        }
    };
    tx.commit().await?;
    Ok(link(place, id, now))
}

async fn insert(
    tx: &platform::Tx,
    id: InvitationId,
    address: Option<Address>,
    now: Timestamp,
) -> Result<()> {
    let row = invitation::Model {
        id: id.0,
        person: address.as_ref().map(|address| address.canonical.as_str().to_owned()),
        mailbox: address.map(|address| address.mailbox),
        role: Role::Admin.as_str().to_owned(),
        owner_id: Uuid::nil(),
        invited_by: "operator".to_owned(),
        created_at: now.as_millisecond(),
        accepted_at: None,
    };
    invitation::insert(tx, row).await?;
    audit_entry::record(tx, None, "invited", &id.to_string(), now).await?;
    Ok(())
}

fn link(place: &Place<'_>, id: InvitationId, now: Timestamp) -> String {
    let token = links::mint_invitation(place.link_key, id, now);
    links::address(place.public_url, "invitation", &token)
}
