//! Receipts: the instance's signed promise that an entry will be among the leaves.

use serde::{Deserialize, Serialize};

use crate::fixed::{Digest, LeafId, PublicKey, Salt, Signature};
use crate::ids::DrawId;
use crate::leaf::commitment;
use crate::signing::{self, InstanceKey, SignatureError};

/// The version of this document.
pub const RECEIPT_VERSION: u32 = 1;

/// What an entrant gets once their address is verified. With it they can show that an entry was
/// accepted, and find it among the leaves; the salt lets them show, to whom they choose, that it
/// was theirs.
///
/// Issuing it again for the same entry gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`RECEIPT_VERSION`].
    pub version: u32,
    /// The draw.
    pub draw_id: DrawId,
    /// The entry's leaf.
    pub leaf_id: LeafId,
    /// The leaf's commitment to the person, see [`commitment`].
    pub commitment: Digest,
    /// The hash of the rules under which the entry was made.
    pub rules: Digest,
    /// The salt of the commitment. It is not signed: it proves itself by opening the commitment.
    pub salt: Salt,
    /// The instance's signature.
    pub signature: Signature,
}

/// Why a receipt cannot be read or believed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Not a receipt at all.
    #[error("not a receipt: {0}")]
    Shape(#[from] serde_json::Error),
    /// A version this code does not know.
    #[error("version: {0} is not {RECEIPT_VERSION}")]
    Version(u32),
    /// Not signed by this key.
    #[error("signature: {0}")]
    Signature(#[from] SignatureError),
}

impl Receipt {
    /// Signs a receipt for an entry.
    #[must_use]
    pub fn issue(
        key: &InstanceKey,
        draw_id: DrawId,
        leaf_id: LeafId,
        salt: Salt,
        canonical_address: &str,
        rules: Digest,
    ) -> Self {
        let commitment = commitment(draw_id, &salt, canonical_address);
        let signature = key.sign(&message(draw_id, &leaf_id, &commitment, &rules));
        Self { version: RECEIPT_VERSION, draw_id, leaf_id, commitment, rules, salt, signature }
    }

    /// Reads a receipt from JSON.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_json(json: &[u8]) -> Result<Self, ReceiptError> {
        Ok(serde_json::from_slice(json)?)
    }

    /// The receipt as JSON.
    ///
    /// # Panics
    /// Never: a receipt always serializes.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a receipt always serializes")
    }

    /// Checks version and signature.
    ///
    /// # Errors
    /// When the receipt was not signed by this key.
    pub fn verify(&self, key: &PublicKey) -> Result<(), ReceiptError> {
        if self.version != RECEIPT_VERSION {
            return Err(ReceiptError::Version(self.version));
        }
        let message = message(self.draw_id, &self.leaf_id, &self.commitment, &self.rules);
        Ok(signing::verify(key, &message, &self.signature)?)
    }

    /// Whether the commitment is one to this canonical address.
    #[must_use]
    pub fn opens_to(&self, canonical_address: &str) -> bool {
        commitment(self.draw_id, &self.salt, canonical_address) == self.commitment
    }
}

fn message(draw_id: DrawId, leaf_id: &LeafId, commitment: &Digest, rules: &Digest) -> Vec<u8> {
    let fields: [&[u8]; 4] = [draw_id.as_bytes(), &leaf_id.0, &commitment.0, &rules.0];
    signing::message("handsel/receipt/v1", &fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Hex;

    fn receipt(key: &InstanceKey) -> Receipt {
        let draw_id = DrawId(uuid::Uuid::from_u128(5));
        Receipt::issue(key, draw_id, Hex([1; 16]), Salt([2; 32]), "anna@example.org", Hex([3; 32]))
    }

    #[test]
    fn a_receipt_survives_the_mail_and_is_always_the_same() {
        let key = InstanceKey::from_seed(&[4; 32]);
        let issued = receipt(&key);
        let read = Receipt::from_json(issued.to_json().as_bytes()).unwrap();
        assert_eq!(read, issued);
        assert_eq!(receipt(&key), issued);
        read.verify(&key.public_key()).unwrap();
        assert!(read.opens_to("anna@example.org"));
        assert!(!read.opens_to("anne@example.org"));
    }

    #[test]
    fn every_signed_member_is_protected() {
        let key = InstanceKey::from_seed(&[4; 32]);
        let issued = receipt(&key);
        let changed = [
            Receipt { version: 2, ..issued.clone() },
            Receipt { draw_id: DrawId(uuid::Uuid::from_u128(6)), ..issued.clone() },
            Receipt { leaf_id: Hex([9; 16]), ..issued.clone() },
            Receipt { commitment: Hex([9; 32]), ..issued.clone() },
            Receipt { rules: Hex([9; 32]), ..issued.clone() },
            Receipt { signature: Hex([9; 64]), ..issued.clone() },
        ];
        for receipt in changed {
            assert!(receipt.verify(&key.public_key()).is_err(), "{receipt:?}");
        }
        assert!(issued.verify(&InstanceKey::from_seed(&[5; 32]).public_key()).is_err());
        assert!(!Receipt { salt: Salt([9; 32]), ..issued }.opens_to("anna@example.org"));
    }

    #[test]
    fn the_salt_is_not_shown_in_debug_output() {
        let shown = format!("{:?}", receipt(&InstanceKey::from_seed(&[4; 32])));
        assert!(!shown.contains("0202"), "{shown}");
    }
}
