//! Ids that follow from what they name, so that a repeated operation is recognised.

use uuid::Uuid;

/// The id of an operation, made from the fields that make it this operation and no other. Fields are
/// length-prefixed, so `["ab", "c"]` and `["a", "bc"]` differ.
pub fn op_id(fields: &[&[u8]]) -> Uuid {
    named_uuid(&OPERATION_NAMESPACE, fields)
}

/// Version 5 of RFC 9562 over `length (8 bytes, big endian) ‖ bytes` of each field.
pub(crate) fn named_uuid(namespace: &Uuid, fields: &[&[u8]]) -> Uuid {
    Uuid::new_v5(namespace, &length_prefixed(fields))
}

/// The fields behind each other, each after its length in eight bytes, big endian.
pub(crate) fn length_prefixed(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 8).sum());
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

const OPERATION_NAMESPACE: Uuid = Uuid::from_u128(0x5d0c_6b7e_1f43_4d6a_9a55_e0c2_83b7_11f4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_between_fields_count() {
        assert_eq!(op_id(&[b"hold", b"1"]), op_id(&[b"hold", b"1"]));
        assert_ne!(op_id(&[b"hold", b"1"]), op_id(&[b"hold1", b""]));
        assert_ne!(op_id(&[b"hold", b"1"]), op_id(&[b"hold1"]));
        assert_ne!(op_id(&[]), op_id(&[b""]));
    }

    #[test]
    fn ids_stay_the_same_from_release_to_release() {
        // Stored ids are compared with these for ever: a change here would pay things twice.
        assert_eq!(
            op_id(&[b"top_up", b"pay_1"]).to_string(),
            "fb390387-42ff-5954-ba39-83f69c7a625b"
        );
    }
}
