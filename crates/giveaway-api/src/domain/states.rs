//! One way to write down a state machine: its states and what each may become. The same list gives
//! the database its check.

use ledger::guard::Guard;

/// Defines a state machine.
///
/// ```ignore
/// states! {
///     /// Where a door stands.
///     DoorState {
///         /// Nobody passes.
///         Closed = "closed" => [Open],
///         /// Everybody passes.
///         Open = "open" => [Closed],
///     }
/// }
/// ```
macro_rules! states {
    ($(#[doc = $doc:literal])* $name:ident {
        $($(#[$state_doc:meta])* $state:ident = $text:literal => [$($next:ident),*],)+
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$state_doc])* $state,)+
        }

        impl $name {
            /// Every state, in the order of a life without accidents.
            pub const ALL: &'static [Self] = &[$(Self::$state,)+];

            /// The state's name, as stored and as shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$state => $text,)+ }
            }

            /// What this state may become.
            pub const fn successors(self) -> &'static [Self] {
                match self { $(Self::$state => &[$(Self::$next,)*],)+ }
            }

            /// Whether one step leads to that state.
            pub fn may_become(self, next: Self) -> bool {
                self.successors().contains(&next)
            }

            /// Whether this state is an end.
            pub const fn is_terminal(self) -> bool {
                self.successors().is_empty()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::states::UnknownState;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|state| state.as_str() == text).ok_or_else(|| {
                    $crate::domain::states::UnknownState { given: text.to_owned(), of: stringify!($name) }
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .description(Some([$($doc),*].concat().trim()))
                    .enum_values(Some(Self::ALL.iter().map(|state| state.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl $crate::domain::states::State for $name {
            fn names() -> Vec<&'static str> {
                Self::ALL.iter().map(|state| state.as_str()).collect()
            }

            fn steps() -> Vec<(&'static str, &'static str)> {
                let of = |from: &Self| {
                    let from = *from;
                    from.successors().iter().map(move |to| (from.as_str(), to.as_str()))
                };
                Self::ALL.iter().flat_map(of).collect()
            }
        }
    };
}

pub(crate) use states;

/// A stored state that the machine does not have: a corrupt row, or one of a newer version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {of}")]
pub struct UnknownState {
    /// What was stored.
    pub given: String,
    /// The machine.
    pub of: &'static str,
}

/// What migrations need to know of a state machine.
pub trait State {
    /// The names of all states, for the database's check; each row begins in the first.
    fn names() -> Vec<&'static str>;

    /// Every step that the machine allows: none for what never changes.
    fn steps() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

/// The guards by which the database refuses every other beginning and step of the rows of a table.
pub(crate) fn guards<S: State>(table: &str) -> [Guard; 2] {
    Guard::machine(table, &S::names()[..1], &S::steps())
}
