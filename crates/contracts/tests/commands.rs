//! Every command is idempotent and says so; commands have no maps, whose encoding is not stable.

use prost_reflect::{DescriptorPool, prost_types::method_options::IdempotencyLevel};

#[test]
fn every_method_states_its_idempotency() {
    let pool = DescriptorPool::decode(contracts::FILE_DESCRIPTOR_SET).unwrap();
    let mut commands = 0;
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let level = method
            .method_descriptor_proto()
            .options
            .as_ref()
            .map_or(IdempotencyLevel::IdempotencyUnknown, |options| options.idempotency_level());
        assert_ne!(level, IdempotencyLevel::IdempotencyUnknown, "{}", method.full_name());
        assert!(!method.is_client_streaming() && !method.is_server_streaming());
        if level == IdempotencyLevel::Idempotent {
            commands += 1;
            assert!(!has_map(&method.input()), "{} has a map", method.full_name());
        }
    }
    assert!(commands >= 8, "{commands} commands");
}

#[test]
fn method_paths_exist() {
    let pool = DescriptorPool::decode(contracts::FILE_DESCRIPTOR_SET).unwrap();
    use contracts::method::*;
    for path in [
        RESERVE_ESCROWS,
        CONFIRM_ESCROWS,
        CANCEL_ESCROWS,
        ISSUE_CARD,
        RETURN_ESCROW,
        RESOLVE_ESCROWS,
        SEND_MAILS,
        RECORD_COUNTS,
    ] {
        let (service, method) = path[1..].split_once('/').unwrap();
        let service = pool.get_service_by_name(service).expect(path);
        assert!(service.methods().any(|known| known.name() == method), "{path}");
    }
}

fn has_map(message: &prost_reflect::MessageDescriptor) -> bool {
    message.fields().any(|field| field.is_map() || field.kind().as_message().is_some_and(has_map))
}
