//! The crate from the outside: the vectors of an independent implementation, whole rehearsals, and
//! a verifier that has to notice everything.

#[cfg(test)]
mod successions;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verifier;
