"""What goes wrong with sessions; no message holds a key, a cookie, a session id or a session value."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """The configuration has problems: the message lists all of them, with how to put each right."""


class SessionError(RuntimeError):
    """A session could not be opened or saved."""


class StoreError(SessionError):
    """The store failed: the message says which, what it was asked to do, and what it answered."""


class SessionContention(SessionError):
    """Other requests changed the session so often that this one's changes could not be merged."""


class SessionGone(SessionError):
    """Another request ended the session while this one was running."""


class SessionReadOnly(SessionError):
    """The store failed, and the session is empty and cannot be written, as the configuration says."""
