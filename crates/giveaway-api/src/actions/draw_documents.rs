//! What a draw publishes: the manifest from the commitment on, the transcript once it is drawn.

use draw::{
    drawing::Outcome,
    fixed::{Digest, PublicKey, Signature},
    manifest::Manifest,
    transcript::Transcript,
};
use serde::Serialize;

use crate::{
    error::{Error, Result},
    ids::GiveawayId,
    service::Service,
    store::{draw as draws, giveaway, succession},
};

/// The commitment, as published.
#[derive(Clone, Debug, Serialize)]
pub struct Commitment {
    /// The manifest. Its canonical form is what is hashed and signed.
    pub manifest: Manifest,
    /// Its hash: keep it, and nobody can claim another commitment later.
    pub hash: Digest,
    /// The instance's signature over the canonical form.
    pub signature: Signature,
    /// The instance's key.
    pub public_key: PublicKey,
}

/// The commitment of a giveaway's draw.
///
/// # Errors
/// Before there is one.
pub async fn read_commitment(service: &Service, id: GiveawayId) -> Result<Commitment> {
    let draw = draws::find(service.db.read(), id).await?.ok_or(Error::NotFound("commitment"))?;
    Ok(Commitment {
        manifest: draw.manifest()?,
        hash: draw.manifest_hash()?,
        signature: draw.signature()?,
        public_key: draw.public_key()?,
    })
}

/// The transcript of a giveaway's draw with everything that happened to its winners since.
///
/// # Errors
/// Before it is drawn.
pub async fn read_transcript(service: &Service, id: GiveawayId) -> Result<Transcript> {
    let db = service.db.read();
    let undrawn = || Error::NotFound("transcript");
    let draw = draws::find(db, id).await?.ok_or_else(undrawn)?;
    let beacon = draw.beacon()?.ok_or_else(undrawn)?;
    let (words, rejected) = draw.words().ok_or_else(undrawn)?;
    let rules = giveaway::find(db, id).await?.ok_or_else(undrawn)?.rules()?;
    let picks = draws::picks(db, id).await?.iter().map(draws::pick::Model::leaf).collect();
    let outcome = Outcome { picks, words, rejected };
    let leaves = draws::read_leaves(db, id).await?;
    let (manifest, signature) = (draw.manifest()?, draw.signature()?);
    let key = draw.public_key()?;
    let transcript = Transcript::new(rules, manifest, signature, key, leaves, beacon, outcome);
    Ok(Transcript { successions: succession::of_giveaway(db, id).await?, ..transcript })
}
