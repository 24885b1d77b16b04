//! dewar-store-tests
