//! How a state machine is written down once: the enum, its names in the database, the allowed
//! transitions. The migrations generate the database's checks from the same list.

use ledger::guard::Guard;

/// A state machine whose states are stored as text.
pub(crate) trait Machine: Copy + Eq + std::fmt::Debug + 'static {
    /// All states.
    const ALL: &'static [Self];
    /// The allowed transitions; `None` stands for "does not exist yet".
    const TRANSITIONS: &'static [(Option<Self>, Self)];

    /// The state's name in the database and in answers.
    fn as_str(self) -> &'static str;

    /// The state of that name.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }

    /// The guards by which the database refuses every other beginning and transition of the rows of
    /// a table.
    fn guards(table: &str) -> [Guard; 2] {
        let begins: Vec<&str> = Self::TRANSITIONS
            .iter()
            .filter(|(from, _)| from.is_none())
            .map(|(_, to)| to.as_str())
            .collect();
        let steps: Vec<(&str, &str)> = Self::TRANSITIONS
            .iter()
            .filter_map(|(from, to)| Some(((*from)?.as_str(), to.as_str())))
            .collect();
        Guard::machine(table, &begins, &steps)
    }

    /// Whether the transition is allowed.
    fn allows(from: Option<Self>, to: Self) -> bool {
        Self::TRANSITIONS.contains(&(from, to))
    }
}

/// Defines a state machine: `machine! { /// Docs. Name { State = "state", … } ∅ → State, … }`, with
/// `new => State` for a beginning and `State => State` for the rest.
macro_rules! machine {
    (
        $(#[doc = $doc:literal])*
        $name:ident { $($(#[$state_doc:meta])* $state:ident = $text:literal),+ $(,)? }
        begins { $($begin:ident),+ $(,)? }
        goes { $($from:ident => $to:ident),* $(,)? }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
        pub(crate) enum $name {
            $($(#[$state_doc])* #[serde(rename = $text)] $state,)+
        }

        impl $crate::domain::state::Machine for $name {
            const ALL: &'static [Self] = &[$(Self::$state),+];
            const TRANSITIONS: &'static [(Option<Self>, Self)] = &[
                $((None, Self::$begin),)+
                $((Some(Self::$from), Self::$to),)*
            ];

            fn as_str(self) -> &'static str {
                match self { $(Self::$state => $text,)+ }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .description(Some([$($doc),*].concat().trim()))
                    .enum_values(Some([$($text),+]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::domain::state::Machine::as_str(*self))
            }
        }
    };
}
