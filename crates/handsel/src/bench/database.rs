//! A database on somebody's server that goes with the run.

use anyhow::Context as _;
use platform::Db;
use reqwest::Url;
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

/// The database.
pub(super) struct OwnDatabase {
    server: Db,
    name: String,
    /// How it is reached, with the password if there is one.
    pub(super) url: String,
}

impl OwnDatabase {
    /// Makes one on the server that `--postgres` names.
    ///
    /// # Errors
    /// When the role may not.
    pub(super) async fn make(server: &str) -> anyhow::Result<Self> {
        let name = format!("handsel_bench_{}", Uuid::now_v7().simple());
        let mut url = Url::parse(server).context("--postgres")?;
        url.set_path(&name);
        let server = Db::postgres(server, "public", 1).await.context("--postgres")?;
        let create = format!("CREATE DATABASE {name}");
        server.write().execute_unprepared(&create).await.context("--postgres")?;
        Ok(Self { server, name, url: url.into() })
    }

    /// Removes it, whoever is connected.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn remove(self) -> anyhow::Result<()> {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.server
            .write()
            .execute_unprepared(&drop)
            .await
            .context("cannot remove the database")?;
        self.server.close().await;
        Ok(())
    }
}
