"""Sessions in DynamoDB."""

from __future__ import annotations

from .base import ServerSideSession, ServerSideSessionInterface


class DynamoDBSession(ServerSideSession):
    """A session in DynamoDB."""


class DynamoDBSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in DynamoDB."""

    session_class = DynamoDBSession
    session_type = "dynamodb"
    client_key = "SESSION_DYNAMODB"
    arguments = {
        "table_name": "SESSION_DYNAMODB_TABLE",
        "table_exists": "SESSION_DYNAMODB_TABLE_EXISTS",
    }
