//! Keys, addresses and lifetimes of one bank.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// How long a key keeps its stored answer, as large providers promise it. Past it, the same key is
/// a new request: whoever resends then pays twice.
pub const IDEMPOTENCY_KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The time of the bank. Passed in, so that keys expire and deliveries repeat when a test says so.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What one bank is told at start.
#[derive(Clone)]
pub struct BankConfig {
    /// The bearer key of the one account that this bank keeps.
    pub api_key: String,
    /// The secret under which webhooks are signed.
    pub webhook_secret: String,
    /// Where webhooks go. An endpoint is its place in this list: deliveries that wait over a
    /// restart go to the address that stands there then.
    pub webhook_urls: Vec<String>,
    /// Where a browser reaches the bank, without a final slash; links to pay pages begin with it.
    pub public_url: String,
    /// The fixed part of what the bank keeps of each payment, in minor units.
    pub cost_fixed_minor: i64,
    /// The proportional part, in hundredths of a percent, rounded up.
    pub cost_basis_points: u32,
    /// How long an idempotency key keeps its stored answer.
    pub idempotency_key_lifetime: SignedDuration,
    /// The time.
    pub clock: Clock,
}

impl BankConfig {
    /// A bank without webhooks and costs, on the system's clock.
    pub fn new(
        api_key: impl Into<String>,
        webhook_secret: impl Into<String>,
        public_url: impl Into<String>,
    ) -> Self {
        Self {
            api_key: api_key.into(),
            webhook_secret: webhook_secret.into(),
            webhook_urls: Vec::new(),
            public_url: public_url.into(),
            cost_fixed_minor: 0,
            cost_basis_points: 0,
            idempotency_key_lifetime: IDEMPOTENCY_KEY_LIFETIME,
            clock: Arc::new(Timestamp::now),
        }
    }

    /// Names the first value that a bank cannot work with.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.api_key.is_empty(), "api_key is empty");
        anyhow::ensure!(!self.webhook_secret.is_empty(), "webhook_secret is empty");
        anyhow::ensure!(self.cost_fixed_minor >= 0, "cost_fixed_minor is negative");
        anyhow::ensure!(self.cost_basis_points <= 10_000, "cost_basis_points is above 10000");
        anyhow::ensure!(
            self.idempotency_key_lifetime.is_positive(),
            "idempotency_key_lifetime is not positive"
        );
        let urls = self.webhook_urls.iter().map(|url| ("webhook_urls", url));
        for (field, url) in urls.chain([("public_url", &self.public_url)]) {
            anyhow::ensure!(crate::domain::is_http_url(url), "{field}: `{url}` is not an http url");
        }
        Ok(())
    }
}

impl fmt::Debug for BankConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BankConfig")
            .field("api_key", &"***")
            .field("webhook_secret", &"***")
            .field("webhook_urls", &self.webhook_urls)
            .field("public_url", &self.public_url)
            .field("cost_fixed_minor", &self.cost_fixed_minor)
            .field("cost_basis_points", &self.cost_basis_points)
            .field("idempotency_key_lifetime", &self.idempotency_key_lifetime)
            .finish_non_exhaustive()
    }
}
