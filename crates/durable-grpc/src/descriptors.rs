//! What the protos say about the methods.

use std::{collections::HashMap, sync::Arc};

use prost::Message as _;
use prost_types::{FileDescriptorSet, method_options::IdempotencyLevel};

/// What a durable call has to know about a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MethodTraits {
    pub(crate) idempotent: bool,
    pub(crate) streaming: bool,
}

/// The methods of every descriptor set the builder was given.
#[derive(Debug, Default)]
pub(crate) struct Methods(HashMap<Arc<str>, MethodTraits>);

impl Methods {
    pub(crate) fn add(&mut self, descriptor_set: &[u8]) -> Result<(), prost::DecodeError> {
        let set = FileDescriptorSet::decode(descriptor_set)?;
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let package = file.package();
                    let dot = if package.is_empty() { "" } else { "." };
                    let path = format!("/{package}{dot}{}/{}", service.name(), method.name());
                    let level = method.options.as_ref().map(|options| options.idempotency_level());
                    let traits = MethodTraits {
                        idempotent: matches!(
                            level,
                            Some(IdempotencyLevel::Idempotent | IdempotencyLevel::NoSideEffects)
                        ),
                        streaming: method.client_streaming() || method.server_streaming(),
                    };
                    self.0.insert(path.into(), traits);
                }
            }
        }
        Ok(())
    }

    /// The method's path, shared, and its traits. A method nobody described counts as unary and not
    /// idempotent: the careful reading of both.
    pub(crate) fn get(&self, path: &str) -> (Arc<str>, MethodTraits) {
        self.0.get_key_value(path).map_or_else(
            || (path.into(), MethodTraits { idempotent: false, streaming: false }),
            |(path, traits)| (path.clone(), *traits),
        )
    }
}

#[cfg(test)]
mod tests {
    use prost_types::{
        FileDescriptorProto, MethodDescriptorProto, MethodOptions, ServiceDescriptorProto,
    };

    use super::*;

    fn method(name: &str, level: Option<IdempotencyLevel>) -> MethodDescriptorProto {
        let options = level.map(|level| {
            let idempotency_level = Some(level.into());
            MethodOptions { idempotency_level, ..Default::default() }
        });
        MethodDescriptorProto { name: Some(name.to_owned()), options, ..Default::default() }
    }

    fn file(package: Option<&str>, methods: Vec<MethodDescriptorProto>) -> FileDescriptorProto {
        let name = Some("Till".to_owned());
        let service = ServiceDescriptorProto { name, method: methods, ..Default::default() };
        FileDescriptorProto {
            package: package.map(str::to_owned),
            service: vec![service],
            ..Default::default()
        }
    }

    #[test]
    fn methods_are_what_their_protos_say() {
        let client = MethodDescriptorProto {
            client_streaming: Some(true),
            ..method("Client", Some(IdempotencyLevel::Idempotent))
        };
        let server =
            MethodDescriptorProto { server_streaming: Some(true), ..method("Server", None) };
        let shop = vec![
            method("Unmarked", None),
            method("Unknown", Some(IdempotencyLevel::IdempotencyUnknown)),
            method("Idempotent", Some(IdempotencyLevel::Idempotent)),
            method("Query", Some(IdempotencyLevel::NoSideEffects)),
            client,
            server,
        ];
        let bare = vec![method("Idempotent", Some(IdempotencyLevel::Idempotent))];
        let set = FileDescriptorSet { file: vec![file(Some("shop.v1"), shop), file(None, bare)] };
        let mut methods = Methods::default();
        methods.add(&set.encode_to_vec()).unwrap();

        let check = |path: &str, idempotent: bool, streaming: bool| {
            let (found, traits) = methods.get(path);
            assert_eq!((&*found, traits), (path, MethodTraits { idempotent, streaming }));
        };
        check("/shop.v1.Till/Unmarked", false, false);
        check("/shop.v1.Till/Unknown", false, false);
        check("/shop.v1.Till/Idempotent", true, false);
        check("/shop.v1.Till/Query", true, false);
        check("/shop.v1.Till/Client", true, true);
        check("/shop.v1.Till/Server", false, true);
        check("/Till/Idempotent", true, false);
        check("/Till/Query", false, false);
        assert!(methods.add(b"no descriptors").is_err());
    }
}
