//! dewar-tower
