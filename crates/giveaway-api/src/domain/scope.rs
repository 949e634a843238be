//! What a key of the API may do.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing that a key may do. A key without any list may do all that its owner may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Scope {
    /// Look at giveaways, winners and products.
    #[serde(rename = "giveaways:read")]
    GiveawaysRead,
    /// Draft, publish and cancel giveaways.
    #[serde(rename = "giveaways:write")]
    GiveawaysWrite,
    /// Look at who entered.
    #[serde(rename = "entries:read")]
    EntriesRead,
    /// Import entries.
    #[serde(rename = "entries:write")]
    EntriesWrite,
    /// Look at the wallet and its statements.
    #[serde(rename = "wallet:read")]
    WalletRead,
    /// Top up, withdraw, and say where withdrawals go.
    #[serde(rename = "wallet:write")]
    WalletWrite,
    /// List and revoke keys.
    #[serde(rename = "keys:write")]
    KeysWrite,
    /// What the administrator may.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// What a host's key may have.
    pub const OF_HOST: [Self; 7] = [
        Self::GiveawaysRead,
        Self::GiveawaysWrite,
        Self::EntriesRead,
        Self::EntriesWrite,
        Self::WalletRead,
        Self::WalletWrite,
        Self::KeysWrite,
    ];

    /// As stored and as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GiveawaysRead => "giveaways:read",
            Self::GiveawaysWrite => "giveaways:write",
            Self::EntriesRead => "entries:read",
            Self::EntriesWrite => "entries:write",
            Self::WalletRead => "wallet:read",
            Self::WalletWrite => "wallet:write",
            Self::KeysWrite => "keys:write",
            Self::Admin => "admin",
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::GiveawaysRead => "see giveaways, winners and products",
            Self::GiveawaysWrite => "draft, publish and cancel giveaways",
            Self::EntriesRead => "see who entered",
            Self::EntriesWrite => "import entries",
            Self::WalletRead => "see the wallet and its statements",
            Self::WalletWrite => "top up, withdraw, and change where withdrawals go",
            Self::KeysWrite => "list and revoke keys",
            Self::Admin => "everything that an administrator may",
        }
    }

    /// The scope of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::OF_HOST.into_iter().chain([Self::Admin]).find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key may do: all, or what it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// All that its owner may: tokens that the administrator issued.
    All,
    /// Only these.
    Listed(BTreeSet<Scope>),
}

impl Scopes {
    /// As stored. A name that is not known, of a newer version, allows nothing.
    pub fn stored(column: Option<&str>) -> Self {
        match column {
            None => Self::All,
            Some(names) => Self::Listed(names.split(' ').filter_map(Scope::named).collect()),
        }
    }

    /// Whether this may be done. What needs no known scope needs all of them.
    pub fn allow(&self, needed: Option<Scope>) -> bool {
        match (self, needed) {
            (Self::All, _) => true,
            (Self::Listed(listed), Some(needed)) => listed.contains(&needed),
            (Self::Listed(_), None) => false,
        }
    }
}

/// As stored: names with a space between them.
pub fn to_column(scopes: &BTreeSet<Scope>) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_what_it_lists_and_a_token_without_a_list_may_all() {
        fn check(column: Option<&str>, needed: Option<Scope>, expected: bool) {
            assert_eq!(Scopes::stored(column).allow(needed), expected, "{column:?} {needed:?}");
        }
        check(None, Some(Scope::WalletWrite), true);
        check(None, None, true);
        check(Some("wallet:read"), Some(Scope::WalletRead), true);
        check(Some("wallet:read"), Some(Scope::WalletWrite), false);
        check(Some("wallet:read giveaways:read"), Some(Scope::GiveawaysRead), true);
        check(Some(""), Some(Scope::GiveawaysRead), false);
        check(Some("everything:new"), Some(Scope::GiveawaysRead), false);
        check(Some("wallet:read wallet:write"), None, false);
    }

    #[test]
    fn names_are_what_is_serialized_and_stored() {
        for scope in Scope::OF_HOST.into_iter().chain([Scope::Admin]) {
            assert_eq!(Scope::named(scope.as_str()), Some(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
            let stored = to_column(&BTreeSet::from([scope]));
            assert!(Scopes::stored(Some(&stored)).allow(Some(scope)));
        }
    }
}
