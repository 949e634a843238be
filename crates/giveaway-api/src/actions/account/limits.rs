//! How often somebody may try. Guesses are counted by whom they are about, so that many networks guess no
//! more than one; and by network, so that one network does not try all addresses.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use platform::roles::Quota;

use crate::{
    error::{Error, Result},
    ids::AccountId,
    service::Service,
};

/// Whatever costs a hash or tells something, per network. Many people share the network of a school or of a
/// phone company; with this a network hashes for less than a minute in ten.
const NETWORK: Quota = Quota::new(
    "account-network",
    NonZeroU32::new(100).expect("not zero"),
    Duration::from_secs(10 * 60),
);

/// Passwords tried for one address, right ones too: nobody needs twenty in two hours, and some two thousand
/// guesses a week find no password that is not among the common ones, which are refused.
const PASSWORDS: Quota = Quota::new(
    "account-passwords",
    NonZeroU32::new(20).expect("not zero"),
    Duration::from_secs(2 * 60 * 60),
);

/// Codes tried for one account by somebody who knows the password, right ones too. Of a million codes three
/// are right at any time: with a hundred and twenty tries a day, guessing one takes years.
const CODES: Quota = Quota::new(
    "account-codes",
    NonZeroU32::new(10).expect("not zero"),
    Duration::from_secs(2 * 60 * 60),
);

/// Mails to one address that somebody asked for who may be somebody else: enough for a lost mail, too few
/// to flood a mailbox.
const MAILS: Quota =
    Quota::new("account-mails", NonZeroU32::new(5).expect("not zero"), Duration::from_secs(3600));

/// Counts a request of a network.
pub(super) async fn network(service: &Service, network: IpAddr) -> Result<()> {
    attempt(service, &NETWORK, &network.to_string()).await
}

/// Counts a password that is tried for an address, whether it has an account or not.
pub(super) async fn password(service: &Service, person: &str) -> Result<()> {
    attempt(service, &PASSWORDS, &service.accounts.limit_key(person)).await
}

/// Counts a code that is tried for an account.
pub(super) async fn code(service: &Service, account: AccountId) -> Result<()> {
    attempt(service, &CODES, &account.to_string()).await
}

/// Whether one more mail may go to an address. Nobody is told when it may not.
pub(super) async fn may_mail(service: &Service, person: &str) -> bool {
    service.roles.limits.attempt(&MAILS, &service.accounts.limit_key(person)).await.is_ok()
}

async fn attempt(service: &Service, quota: &Quota, key: &str) -> Result<()> {
    service.roles.limits.attempt(quota, key).await.map(drop).map_err(Error::TooMany)
}
