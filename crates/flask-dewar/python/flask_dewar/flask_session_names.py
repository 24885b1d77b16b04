"""What Flask-Session's interfaces are asked for beside Flask's own methods, by its names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from ._native import Store, decode, encode
from .defaults import Defaults
from .errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Flask

#: What in Flask-Session says how sessions are kept, and may be replaced there, with what says that here.
NOT_CALLED = {
    "_retrieve_session_data": "give a carrier as the client, as flask_dewar.carriers describes it",
    "_upsert_session": "give a carrier as the client, as flask_dewar.carriers describes it",
    "_delete_session": "give a carrier as the client, as flask_dewar.carriers describes it",
    "_delete_expired_sessions": "replace delete_expired_sessions",
    "_generate_sid": "set SESSION_ID_LENGTH: ids are always random",
    "_get_signer": "set SESSION_USE_SIGNER: ids are signed as by Flask-Session",
    "_get_store_id": "set SESSION_KEY_PREFIX",
    "_sign": "set SESSION_USE_SIGNER: ids are signed as by Flask-Session",
    "_unsign": "set SESSION_USE_SIGNER: ids are signed as by Flask-Session",
    "serializer": "drop it if it is for lazy strings or Markup, which can be stored without; set SESSION_SERIALIZATION_FORMAT "
    "('msgpack-typed' keeps Python's types), or give a carrier as the client, through which the bytes go",
    "should_set_storage": "set SESSION_REFRESH_EACH_REQUEST and SESSION_REFRESH_AFTER",
}


Setting = TypeVar("Setting")


class FromSetting(Generic[Setting]):
    """An attribute of an interface that says what a key of the configuration is."""

    def __init__(self, key: str, convert: Callable[[Any], Setting]) -> None:
        self.key = key
        self.convert = convert

    @overload
    def __get__(self, interface: None, owner: type) -> FromSetting[Setting]: ...
    @overload
    def __get__(self, interface: FlaskSessionNames, owner: type) -> Setting: ...
    def __get__(
        self, interface: FlaskSessionNames | None, owner: type
    ) -> FromSetting[Setting] | Setting:
        if interface is None:
            return self
        return self.convert(interface._setting(self.key))

    def __set__(self, interface: FlaskSessionNames, value: Setting) -> None:
        interface._change_setting(self.key, value)


class FlaskSessionNames:
    """The attributes of Flask-Session's interfaces, and those of its methods that give or remove a record."""

    app: Flask
    _overrides: dict[str, Any]

    @property
    def store(self) -> Store:
        """Where the sessions are kept."""
        raise NotImplementedError

    delete_expired_sessions: Callable[[], int]

    def refuse_what_is_not_called(self) -> None:
        """`ConfigurationError` for a subclass whose methods the engine would pass over without a word."""
        for name in NOT_CALLED:
            if getattr(type(self), name, None) is not vars(FlaskSessionNames).get(name):
                raise self._not_called(name)

    def _not_called(self, name: str) -> ConfigurationError:
        return ConfigurationError(
            f"{type(self).__name__} replaces {name} of Flask-Session, which is not called here: {NOT_CALLED[name]}"
        )

    def _setting(self, key: str) -> Any:
        default = getattr(Defaults, key)
        if key in self._overrides:
            given = self._overrides[key]
            return default if given is None else given
        return self.app.config.get(key, default)

    def _change_setting(self, key: str, value: object) -> None:
        """From the next request on this counts, and not what `app.config` says. `ConfigurationError` if it cannot be."""
        raise NotImplementedError

    #: What the keys of all records begin with.
    key_prefix = FromSetting("SESSION_KEY_PREFIX", str)
    #: Whether the id is signed in the cookie.
    use_signer = FromSetting("SESSION_USE_SIGNER", bool)
    #: Whether sessions are permanent, if the application does not say otherwise.
    permanent = FromSetting("SESSION_PERMANENT", bool)
    #: How many random bytes an id has.
    sid_length = FromSetting("SESSION_ID_LENGTH", int)
    #: After about how many requests expired records are removed.
    cleanup_n_requests = FromSetting[int | None](
        "SESSION_CLEANUP_N_REQUESTS", lambda number: None if number is None else int(number)
    )

    @property
    def serializer(self) -> RecordSerializer:
        """From a session to the bytes of its record, and back."""
        return RecordSerializer(str(self._setting("SESSION_SERIALIZATION_FORMAT")))

    @serializer.setter
    def serializer(self, serializer: object) -> NoReturn:
        raise self._not_called("serializer")

    def _get_store_id(self, sid: str) -> str:
        return self.key_prefix + sid

    def _retrieve_session_data(self, store_id: str) -> dict[str, Any] | None:
        return StoredSessions(self.store).get(store_id)

    def _delete_session(self, store_id: str) -> None:
        self.store.delete(store_id)

    def _delete_expired_sessions(self) -> None:
        self.delete_expired_sessions()


class RecordSerializer:
    """Makes and reads records as the engine does, in msgpack or JSON."""

    def __init__(self, form: str) -> None:
        self.form = form

    def encode(self, session: Mapping[str, Any]) -> bytes:
        """The record of a session."""
        return encode(dict(session), self.form)

    def decode(self, serialized_data: bytes) -> dict[str, Any]:
        """The session of a record in either format, or in the pickles of old versions, of which nothing is run."""
        session = decode(serialized_data, self.form)
        if session is None:
            raise ValueError("the record is none of a session")
        return session

    dumps = encode
    loads = decode


class StoredSessions:
    """The records of a store as dicts, by their whole keys: what Flask-Session's `interface.cache` is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> dict[str, Any] | None:
        """The session under a key; None if there is none."""
        record = self._store.load(key)
        return None if record is None else decode(record, "msgpack")

    def delete(self, key: str) -> None:
        """Removes the session under a key."""
        self._store.delete(key)
