//! What each route needs of a key. In one place, so that it can be read as a whole; a route that is missing
//! here is one that only keys without a list may use.

use axum::extract::MatchedPath;
use http::{Method, request::Parts};

use super::PREFIX;
use crate::domain::scope::Scope;

/// What a request needs, by its route.
pub(super) fn needed(parts: &Parts) -> Option<Scope> {
    let path = parts.extensions.get::<MatchedPath>()?;
    of_route(&parts.method, path.as_str().strip_prefix(PREFIX)?)
}

fn of_route(method: &Method, path: &str) -> Option<Scope> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    Some(match path {
        "/hosts/me" | "/products" if is_read => Scope::GiveawaysRead,
        "/giveaways" | "/giveaways/{id}" if is_read => Scope::GiveawaysRead,
        "/giveaways/{id}/outcomes" | "/giveaways/{id}/winners" | "/giveaways/{id}/analytics" => {
            Scope::GiveawaysRead
        }
        "/giveaways" | "/giveaways/{id}" | "/giveaways/{id}/publish" | "/giveaways/{id}/cancel" => {
            Scope::GiveawaysWrite
        }
        "/giveaways/{id}/entries" if is_read => Scope::EntriesRead,
        "/giveaways/{id}/entries/import" => Scope::EntriesWrite,
        "/api-keys" | "/api-keys/{id}" => Scope::KeysWrite,
        path if path == "/wallet" || path.starts_with("/wallet/") => {
            if is_read {
                Scope::WalletRead
            } else {
                Scope::WalletWrite
            }
        }
        path if path == "/hosts"
            || path == "/hosts/{id}/tokens"
            || path == "/giveaways/{id}/winners/{winner}/disqualify"
            || path.starts_with("/admin/") =>
        {
            Scope::Admin
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_route_needs() {
        fn check(method: Method, path: &str, expected: Option<Scope>) {
            assert_eq!(of_route(&method, path), expected, "{method} {path}");
        }
        check(Method::GET, "/wallet", Some(Scope::WalletRead));
        check(Method::GET, "/wallet/statement.csv", Some(Scope::WalletRead));
        check(Method::POST, "/wallet/withdrawals", Some(Scope::WalletWrite));
        check(Method::PUT, "/wallet/payout-destination", Some(Scope::WalletWrite));
        check(Method::GET, "/giveaways", Some(Scope::GiveawaysRead));
        check(Method::POST, "/giveaways", Some(Scope::GiveawaysWrite));
        check(Method::PATCH, "/giveaways/{id}", Some(Scope::GiveawaysWrite));
        check(Method::GET, "/giveaways/{id}/entries", Some(Scope::EntriesRead));
        check(Method::POST, "/giveaways/{id}/entries/import", Some(Scope::EntriesWrite));
        check(Method::DELETE, "/api-keys/{id}", Some(Scope::KeysWrite));
        check(Method::POST, "/admin/accounts/{id}/disable", Some(Scope::Admin));
        check(Method::POST, "/hosts", Some(Scope::Admin));
        check(Method::GET, "/walletx", None);
        check(Method::GET, "/something/new", None);
    }
}
