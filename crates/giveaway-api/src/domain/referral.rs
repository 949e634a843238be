//! What names an entrant in the link that they pass on. It tells nobody who they are or when they entered, and
//! nobody else can make one: the id is encrypted, under a tag that is also the nonce (as SIV modes do).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use platform::{
    keys::Key,
    token::{hmac_sha256, same_secret},
};
use uuid::Uuid;

use crate::ids::EntryId;

const TAG: usize = 8;

/// The name of an entry in links, always the same.
pub fn referral_of(key: &Key, entry: EntryId) -> String {
    let id = entry.0.into_bytes();
    let tag = tag(key, &id);
    URL_SAFE_NO_PAD.encode([&tag[..], &masked(key, tag, id)].concat())
}

/// The entry that such a name is of.
pub fn referrer(key: &Key, name: &str) -> Option<EntryId> {
    let bytes = URL_SAFE_NO_PAD.decode(name.trim()).ok()?;
    let (given, rest) = bytes.split_first_chunk::<TAG>()?;
    let id = masked(key, *given, rest.try_into().ok()?);
    same_secret(given, &tag(key, &id)).then_some(EntryId(Uuid::from_bytes(id)))
}

fn tag(key: &Key, id: &[u8; 16]) -> [u8; TAG] {
    let full = hmac_sha256(key.derive("referral-tag").reveal(), &[id]);
    let (tag, _) = full.split_first_chunk().expect("a hash has 32 bytes");
    *tag
}

fn masked(key: &Key, tag: [u8; TAG], mut id: [u8; 16]) -> [u8; 16] {
    let mask = hmac_sha256(key.derive("referral-mask").reveal(), &[&tag]);
    for (byte, mask) in id.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referral_names_one_entry_and_cannot_be_made_up() {
        let (key, entry) = (Key::new([1; 32]), EntryId::new());
        let name = referral_of(&key, entry);
        assert_eq!(name.len(), 32);
        assert_eq!(referrer(&key, &name), Some(entry));
        assert_eq!(referral_of(&key, entry), name);
        assert_eq!(referrer(&Key::new([2; 32]), &name), None);
        for wrong in ["", "anna@example.org", &name[1..], &"A".repeat(32)] {
            assert_eq!(referrer(&key, wrong), None, "{wrong}");
        }
    }
}
