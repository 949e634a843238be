//! How passwords are hashed: argon2id, a few at a time, away from the threads that answer requests.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::{
    domain::password::Password,
    error::{Error, Result},
};

/// Memory of one hash in KiB, passes and lanes: OWASP's first recommendation for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes at a time: with two a flood of sign-ins takes 38 MiB, which the smallest server has, and half of
/// two cores.
const AT_A_TIME: usize = 2;

/// Whoever would have to wait behind more is refused at once: they would wait for seconds, and give up.
const WAITING: usize = 64;

/// A hash that no password has, made with the same parameters: for addresses without an account, so
/// that they cost the same time. Its salt and its output are no secret.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4u$bm9ib2R5IGhhcyBhIHBhc3N3b3JkIHdpdGggdGhpcy4";

/// Hashes passwords.
#[derive(Debug)]
pub struct Passwords {
    slots: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    computed: AtomicU64,
}

/// What a password was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash was made with parameters of before.
    Outdated,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(AT_A_TIME)),
            admitted: Arc::new(Semaphore::new(AT_A_TIME + WAITING)),
            computed: AtomicU64::new(0),
        }
    }

    /// How many hashes were computed: what shows that two answers cost the same.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Hashes a password, as it is stored.
    ///
    /// # Errors
    /// When too many wait already.
    pub async fn hash(&self, password: &Password) -> Result<String> {
        let password = password.clone();
        let hash = self.compute(move || {
            let hash = hasher().hash_password(password.reveal());
            hash.map(|hash| hash.to_string())
        });
        hash.await?.map_err(|error| anyhow::anyhow!("a password cannot be hashed: {error}").into())
    }

    /// Compares a password with the stored hash, or with nobody's: the time is the same.
    ///
    /// # Errors
    /// When too many wait already, or the stored hash is damaged.
    pub async fn verify(&self, password: &Password, stored: Option<&str>) -> Result<Verdict> {
        let (password, is_somebodys) = (password.clone(), stored.is_some());
        let stored = stored.unwrap_or(NOBODYS).to_owned();
        let verdict = self.compute(move || {
            let hash = PasswordHash::new(&stored)
                .map_err(|error| anyhow::anyhow!("a stored password is no hash: {error}"))?;
            if hasher().verify_password(password.reveal(), &hash).is_err() {
                return Ok(Verdict::Wrong);
            }
            let made = Params::try_from(&hash)
                .map_err(|error| anyhow::anyhow!("a stored password has no parameters: {error}"))?;
            let present = parameters();
            let is_present = (made.m_cost(), made.t_cost(), made.p_cost())
                == (present.m_cost(), present.t_cost(), present.p_cost());
            Ok(if is_present { Verdict::Right } else { Verdict::Outdated })
        });
        let verdict: anyhow::Result<Verdict> = verdict.await?;
        Ok(if is_somebodys { verdict? } else { Verdict::Wrong })
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let admitted = self.admitted.clone().try_acquire_owned();
        let admitted = admitted.map_err(|_| {
            Error::Unavailable("too many people are signing in, please try again".into())
        })?;
        let slot = self.slots.clone().acquire_owned().await.context("no hash slots")?;
        self.computed.fetch_add(1, Ordering::Relaxed);
        // The permits go along: a request that is given up still has its memory until the hash is done.
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((slot, admitted));
            done
        });
        Ok(task.await.context("a hash was not finished")?)
    }
}

fn parameters() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are in range")
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let passwords = Passwords::new();
        let right = Password::typed("correct horse 9 lake");
        let hash = passwords.hash(&right).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(passwords.hash(&right).await.unwrap(), hash, "the salt is random");
        assert_eq!(passwords.verify(&right, Some(&hash)).await.unwrap(), Verdict::Right);
        let wrong = Password::typed("correct horse 9 lakes");
        assert_eq!(passwords.verify(&wrong, Some(&hash)).await.unwrap(), Verdict::Wrong);
        assert!(passwords.verify(&right, Some("no hash")).await.is_err());
    }

    #[tokio::test]
    async fn an_address_without_an_account_costs_a_hash_as_well() {
        let passwords = Passwords::new();
        let password = Password::typed("correct horse 9 lake");
        assert_eq!(passwords.verify(&password, None).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.computed(), 1);
        let nobodys = PasswordHash::new(NOBODYS).unwrap();
        let made = Params::try_from(&nobodys).unwrap();
        assert_eq!((made.m_cost(), made.t_cost(), made.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(nobodys.hash.unwrap().as_bytes().len(), 32);
    }

    #[tokio::test]
    async fn hashes_of_before_are_told() {
        let weak = Params::new(8 * 1024, 1, 1, None).unwrap();
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak);
        let hash = hasher.hash_password(b"correct horse 9 lake").unwrap().to_string();
        let password = Password::typed("correct horse 9 lake");
        let verdict = Passwords::new().verify(&password, Some(&hash)).await.unwrap();
        assert_eq!(verdict, Verdict::Outdated);
    }

    #[tokio::test]
    async fn a_flood_is_refused_and_not_remembered() {
        let passwords = Passwords::new();
        let password = Password::typed("correct horse 9 lake");
        let all = AT_A_TIME + WAITING;
        let held = passwords.admitted.clone().acquire_many_owned(all.try_into().unwrap()).await;
        let refused = passwords.verify(&password, None).await.unwrap_err();
        assert_eq!(refused.code(), "unavailable");
        assert_eq!(passwords.computed(), 0);
        drop(held);
        assert!(passwords.verify(&password, None).await.is_ok());
    }
}
