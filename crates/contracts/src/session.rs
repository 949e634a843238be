//! The cookie of who is signed in, which both applications with pages read.

/// The prefix has browsers take the cookie from this host alone, over TLS, for all paths.
const OVER_TLS: &str = "__Host-handsel";

/// Without TLS, on a first try at home, browsers would not keep one with the prefix.
const WITHOUT_TLS: &str = "handsel";

/// What the cookie is called.
pub const fn cookie(is_secure: bool) -> &'static str {
    if is_secure { OVER_TLS } else { WITHOUT_TLS }
}
