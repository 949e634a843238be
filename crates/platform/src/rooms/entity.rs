//! The tables.

/// Rooms that something has happened in.
pub mod room {
    use sea_orm::entity::prelude::*;

    /// One of them.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "room")]
    pub struct Model {
        /// Its name.
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        /// The number of its last event.
        pub seq: i64,
        /// How far it was announced.
        pub announced: i64,
    }

    /// Stands alone.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What happened in them.
pub mod event {
    use sea_orm::entity::prelude::*;

    /// One event.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "room_event")]
    pub struct Model {
        /// The room.
        #[sea_orm(primary_key, auto_increment = false)]
        pub room: String,
        /// Its number there, from 1 and without holes.
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        /// What happened.
        pub name: String,
        /// What there is to know about it, as JSON.
        pub data: String,
        /// When, Unix milliseconds.
        pub at: i64,
    }

    /// Of a room.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
