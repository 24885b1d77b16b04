"""Carriers move session records over a client that the application made."""

from .base import Carrier, CarrierError, Listing, Outcome, Replaced

__all__ = ["Carrier", "CarrierError", "Listing", "Outcome", "Replaced"]
