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
