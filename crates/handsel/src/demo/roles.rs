//! The tokens of those who take part: minted anew by the administrator in each run, because a token
//! is shown once and kept nowhere.

use anyhow::Context as _;

use super::{Demo, client::text};

/// Tokens of this run.
#[derive(Default)]
pub(crate) struct Roles {
    host: Option<String>,
    merchants: Vec<Option<String>>,
}

impl Roles {
    /// The host's token, once it was minted in this run.
    ///
    /// # Errors
    /// Before it was.
    pub(crate) fn known_host(&self) -> anyhow::Result<&str> {
        self.host.as_deref().context("the host has no token yet")
    }
}

impl Demo {
    /// A token of the host.
    ///
    /// # Errors
    /// Before there is a host.
    pub(crate) async fn host(&mut self) -> anyhow::Result<String> {
        if let Some(token) = &self.roles.host {
            return Ok(token.clone());
        }
        let id = self.state.known().host.as_deref().context("there is no host yet")?;
        let token = self.mint(&format!("/api/giveaway/v1/hosts/{id}/tokens")).await?;
        self.roles.host = Some(token.clone());
        Ok(token)
    }

    /// A token of a merchant, by its place in the cast.
    ///
    /// # Errors
    /// Before there is that merchant.
    pub(crate) async fn merchant(&mut self, index: usize) -> anyhow::Result<String> {
        if let Some(Some(token)) = self.roles.merchants.get(index) {
            return Ok(token.clone());
        }
        let id =
            self.state.known().merchants.get(index).context("there is no such merchant yet")?;
        let token = self.mint(&format!("/api/giftcard/v1/merchants/{id}/tokens")).await?;
        if self.roles.merchants.len() <= index {
            self.roles.merchants.resize(index + 1, None);
        }
        self.roles.merchants[index] = Some(token.clone());
        Ok(token)
    }

    async fn mint(&self, path: &str) -> anyhow::Result<String> {
        text(&self.client.post(path).token(self.admin.reveal()).ok().await?, "token")
    }
}
