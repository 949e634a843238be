//! Which payment provider, and what it is reached with.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Provider, SandboxProvider, StripeProvider,
    stripe::{self, is_live_key, is_test_key, webhook_secrets},
};
use crate::config::{Secret, is_url};

/// The payment provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderSettings {
    /// Which one.
    pub kind: ProviderKind,
    /// Where it is; empty for a sandbox bank in this process, or for Stripe's own address.
    pub url: String,
    /// The key that we call it with; needed unless the bank is in this process.
    pub api_key: Secret,
    /// The secret that it signs its messages with; needed unless the bank is in this process. Stripe
    /// has one for each endpoint, so several are separated by commas.
    pub webhook_secret: Secret,
}

/// The providers that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// The sandbox bank: no real money.
    #[default]
    Sandbox,
    /// Stripe: Checkout and Connect transfers.
    Stripe,
}

impl ProviderKind {
    /// The adapter for this provider; `url` may be empty for Stripe's own.
    ///
    /// # Errors
    /// When one of them cannot be what it is meant to be.
    pub fn connect(
        self,
        url: &str,
        api_key: &Secret,
        webhook_secret: &Secret,
    ) -> anyhow::Result<Arc<dyn Provider>> {
        let (key, secret) = (api_key.reveal(), webhook_secret.reveal());
        Ok(match self {
            Self::Sandbox => Arc::new(SandboxProvider::new(url, key, secret)?),
            Self::Stripe => {
                let url = if url.is_empty() { stripe::BASE_URL } else { url };
                Arc::new(StripeProvider::new(url, key, secret)?)
            }
        })
    }
}

impl ProviderSettings {
    /// The provider, which must not be in this process.
    ///
    /// # Errors
    /// When none is named, or it cannot be what it is meant to be.
    pub fn connect(&self) -> anyhow::Result<Arc<dyn Provider>> {
        anyhow::ensure!(
            !self.is_in_process(),
            "provider.url: is needed; a sandbox bank of its own is `handsel sandbox-bank`"
        );
        self.kind.connect(&self.url, &self.api_key, &self.webhook_secret)
    }

    /// Whether a sandbox bank is to run in this process.
    pub fn is_in_process(&self) -> bool {
        self.kind == ProviderKind::Sandbox && self.url.is_empty()
    }

    /// Checks what the types cannot, for live money or for tests.
    ///
    /// # Errors
    /// Names the key and what is wrong with it, and never repeats a secret.
    pub fn check(&self, is_live: bool) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.url.is_empty() || is_url(&self.url),
            "provider.url: `{}` is not an http or https url",
            self.url
        );
        match self.kind {
            ProviderKind::Sandbox => self.check_sandbox(is_live),
            ProviderKind::Stripe => self.check_stripe(is_live),
        }
    }

    fn check_sandbox(&self, is_live: bool) -> anyhow::Result<()> {
        anyhow::ensure!(
            !is_live,
            "provider.kind: the sandbox bank moves no money, so mode = \"live\" does not take it"
        );
        if self.url.is_empty() {
            anyhow::ensure!(
                self.api_key.is_empty() && self.webhook_secret.is_empty(),
                "provider.url: is needed with provider.api_key and provider.webhook_secret"
            );
            return Ok(());
        }
        anyhow::ensure!(!self.api_key.is_empty(), "provider.api_key: is needed with provider.url");
        anyhow::ensure!(
            !self.webhook_secret.is_empty(),
            "provider.webhook_secret: is needed with provider.url"
        );
        Ok(())
    }

    fn check_stripe(&self, is_live: bool) -> anyhow::Result<()> {
        let key = self.api_key.reveal();
        anyhow::ensure!(
            !key.is_empty(),
            "provider.api_key: is needed with provider.kind = \"stripe\""
        );
        if is_live {
            anyhow::ensure!(
                is_live_key(key),
                "provider.api_key: mode = \"live\" takes only keys that begin with sk_live_ or rk_live_"
            );
        } else {
            anyhow::ensure!(
                is_test_key(key),
                "provider.api_key: mode = \"test\" takes only keys that begin with sk_test_ or rk_test_"
            );
        }
        anyhow::ensure!(
            webhook_secrets(self.webhook_secret.reveal()).next().is_some(),
            "provider.webhook_secret: is needed with provider.kind = \"stripe\""
        );
        // The key would be read on the way.
        anyhow::ensure!(
            !self.url.starts_with("http://") || is_on_this_machine(&self.url),
            "provider.url: `{}` is not an https url, and not on this machine",
            self.url
        );
        anyhow::ensure!(
            !is_live || self.url.is_empty() || self.url.starts_with("https://"),
            "provider.url: mode = \"live\" takes only https urls"
        );
        Ok(())
    }
}

fn is_on_this_machine(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRIPE: &str = "https://api.stripe.example";

    fn check(
        is_live: bool,
        kind: ProviderKind,
        [url, key, secret]: [&str; 3],
        named: Option<&str>,
    ) {
        let provider = ProviderSettings {
            kind,
            url: url.to_owned(),
            api_key: Secret::new(key),
            webhook_secret: Secret::new(secret),
        };
        match (provider.check(is_live), named) {
            (Ok(()), None) => {}
            (Err(error), Some(named)) => {
                let error = format!("{error:#}");
                assert!(error.contains(named), "{error} does not name {named}");
                assert!(!error.contains("5ecret"), "{error}");
            }
            (checked, named) => panic!("{provider:?}: {checked:?}, not {named:?}"),
        }
    }

    #[test]
    fn the_sandbox_bank_is_here_or_there_and_never_live() {
        use ProviderKind::Sandbox;
        check(false, Sandbox, ["", "", ""], None);
        check(false, Sandbox, ["http://bank", "k", "s"], None);
        check(false, Sandbox, ["bank", "k", "s"], Some("provider.url"));
        check(false, Sandbox, ["", "k", ""], Some("provider.url"));
        check(false, Sandbox, ["http://bank", "", "s"], Some("provider.api_key"));
        check(false, Sandbox, ["http://bank", "k", ""], Some("provider.webhook_secret"));
        check(true, Sandbox, ["", "", ""], Some("provider.kind"));
    }

    #[test]
    fn stripe_is_given_the_key_of_its_mode() {
        use ProviderKind::Stripe;
        for (is_live, good, bad) in [(true, "live", "test"), (false, "test", "live")] {
            for prefix in ["sk", "rk"] {
                let good = format!("{prefix}_{good}_5ecret");
                check(is_live, Stripe, ["", &good, "whsec_5ecret"], None);
                check(is_live, Stripe, [STRIPE, &good, "whsec_1, whsec_2"], None);
                let bad = format!("{prefix}_{bad}_5ecret");
                check(is_live, Stripe, ["", &bad, "whsec_5ecret"], Some("provider.api_key"));
            }
            let publishable = format!("pk_{good}_5ecret");
            check(is_live, Stripe, ["", &publishable, "whsec_1"], Some("provider.api_key"));
            check(is_live, Stripe, ["", "", "whsec_1"], Some("provider.api_key"));
            let key = format!("sk_{good}_5ecret");
            for secret in ["", " , "] {
                check(is_live, Stripe, ["", &key, secret], Some("provider.webhook_secret"));
            }
            for url in ["stripe", "http://stripe.example", "http://127.0.0.1.example"] {
                check(is_live, Stripe, [url, &key, "whsec_1"], Some("provider.url"));
            }
        }
        for url in ["http://127.0.0.1:12111", "http://[::1]:1", "http://localhost:1"] {
            check(false, Stripe, [url, "sk_test_1", "whsec_1"], None);
            check(true, Stripe, [url, "sk_live_1", "whsec_1"], Some("provider.url"));
        }
    }
}
