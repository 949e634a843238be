//! The whole service on real databases, entered through its router and its gRPC service. Only the
//! provider's port has a stand-in, so that each of its answers can be chosen; `stripe` settles through
//! the adapter for Stripe instead.

mod account_sessions;
mod audit;
mod authorisations;
mod bank;
mod cards;
mod crashes;
mod escrows;
mod guards;
mod http;
mod merchant_pages;
mod merchants;
mod office;
mod operator;
mod pages;
mod payout_destinations;
mod random;
mod running;
mod settlements;
mod statements;
mod story;
mod stripe;
mod twins;
mod voids;
mod world;
