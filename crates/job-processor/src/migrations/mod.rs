//! The schema. Portable: SQLite and PostgreSQL run the same migrations.

mod m0001_mail_and_counts;

use sea_orm_migration::prelude::*;

/// Brings the job processor's database up to date.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_mail_and_counts::Migration)]
    }
}
