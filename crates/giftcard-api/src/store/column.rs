//! How our own types are stored: ids as bare UUIDs, states as text.

use sea_orm::{
    ColIdx, DbErr, QueryResult, TryFromU64, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use uuid::Uuid;

use crate::domain::{
    authorisation::AuthorisationState,
    card::CardState,
    escrow::EscrowState,
    ids::{
        AuthorisationId, CardId, EscrowId, MerchantId, ProductId, RedemptionId, ReversalId, SagaId,
        SettlementId, TokenId, VoidId, WinnerId,
    },
    product::ProductState,
    settlement::{AttemptState, LineKind, SettlementState},
    state::Machine as _,
};

macro_rules! column {
    ($name:ident, $stored:ty, $column:expr, $array:expr, $to:expr, $from:expr) => {
        impl From<$name> for Value {
            fn from(value: $name) -> Self {
                let to: fn($name) -> $stored = $to;
                Value::from(to(value))
            }
        }

        impl TryGetable for $name {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                let from: fn($stored) -> Option<$name> = $from;
                from(<$stored>::try_get_by(row, index)?).ok_or_else(|| {
                    TryGetError::DbErr(DbErr::Type(format!(
                        "a row holds an impossible {}",
                        stringify!($name)
                    )))
                })
            }
        }

        impl ValueType for $name {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                let from: fn($stored) -> Option<$name> = $from;
                from(<$stored as ValueType>::try_from(value)?).ok_or(ValueTypeErr)
            }

            fn type_name() -> String {
                stringify!($name).to_owned()
            }

            fn array_type() -> ArrayType {
                $array
            }

            fn column_type() -> ColumnType {
                $column
            }
        }

        impl Nullable for $name {
            fn null() -> Value {
                <$stored as Nullable>::null()
            }
        }

        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

macro_rules! ids {
    ($($name:ident),+ $(,)?) => {$(
        column!($name, Uuid, ColumnType::Uuid, ArrayType::Uuid, |id| id.0, |id| Some($name(id)));
    )+};
}

macro_rules! texts {
    ($($name:ident),+ $(,)?) => {$(
        column!(
            $name,
            String,
            ColumnType::Text,
            ArrayType::String,
            |value| value.as_str().to_owned(),
            |text| $name::parse(&text)
        );
    )+};
}

ids!(
    AuthorisationId,
    CardId,
    EscrowId,
    MerchantId,
    ProductId,
    RedemptionId,
    ReversalId,
    VoidId,
    SagaId,
    SettlementId,
    TokenId,
    WinnerId,
);
texts!(
    AttemptState,
    AuthorisationState,
    CardState,
    EscrowState,
    LineKind,
    ProductState,
    SettlementState
);
