//! The signing layer of itsdangerous: bytes in, bytes out.

/// Placeholder.
#[derive(Clone, Copy, Debug)]
pub enum Digest {}
/// Placeholder.
#[derive(Clone, Copy, Debug)]
pub enum KeyDerivation {}
/// Placeholder.
#[derive(Clone, Debug)]
pub struct Keyring;
