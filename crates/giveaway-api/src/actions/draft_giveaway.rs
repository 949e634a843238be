//! A host drafts a giveaway, and edits the draft. Products are asked about before the transaction:
//! no call is made inside one.

use crate::{
    actions::products,
    domain::draft::{self, Form, Patch, Prize},
    error::{Error, Result},
    ids::{GiveawayId, HostId},
    service::Service,
    store::{giveaway, prize},
};

/// Drafts a giveaway.
///
/// # Errors
/// Everything that is wrong with the form, by field.
pub async fn draft_giveaway(service: &Service, host: HostId, form: Form) -> Result<GiveawayId> {
    let (draft, prizes) = check(service, form).await?;
    let id = GiveawayId::new();
    let tx = service.db.begin("draft_giveaway").await?;
    giveaway::insert(&tx, id, host, &draft, service.clock.now()).await?;
    prize::replace(&tx, id, &prizes).await?;
    tx.commit().await?;
    Ok(id)
}

/// Changes a draft: what the patch does not name stays.
///
/// # Errors
/// Everything that is wrong with the form, by field; a giveaway that is no draft any more.
pub async fn edit_giveaway(
    service: &Service,
    host: HostId,
    id: GiveawayId,
    patch: Patch,
) -> Result<()> {
    let before = owned(service, host, id).await?;
    let lines = prize::of_giveaway(service.db.read(), id).await?;
    let form = patch.apply(&before.draft(&lines)?);
    let (draft, prizes) = check(service, form).await?;
    let tx = service.db.begin("edit_giveaway").await?;
    let giveaway = giveaway::lock(&tx, id).await?;
    if !giveaway::replace_draft(&tx, id, &draft).await? {
        let state = giveaway.state()?;
        return Err(Error::state(
            "wrong_state",
            format!("a giveaway that is {state} cannot be edited"),
        ));
    }
    prize::replace(&tx, id, &prizes).await?;
    tx.commit().await?;
    Ok(())
}

/// A host's giveaway; anybody else's looks as if there were none.
///
/// # Errors
/// An unknown giveaway, or one of another host.
pub(crate) async fn owned(
    service: &Service,
    host: HostId,
    id: GiveawayId,
) -> Result<giveaway::Model> {
    giveaway::find(service.db.read(), id)
        .await?
        .filter(|giveaway| giveaway.host_id == host.0)
        .ok_or(Error::NotFound("giveaway"))
}

async fn check(service: &Service, form: Form) -> Result<(draft::Draft, Vec<Prize>)> {
    let is_live = !service.beacon.chain().is_sandbox();
    let draft = form.check(is_live, service.clock.now()).map_err(Error::Invalid)?;
    let products = products::of_prizes(service, &draft.prizes).await?;
    let prizes = draft::price(&draft.prizes, &products).map_err(Error::Invalid)?;
    Ok((draft, prizes))
}
