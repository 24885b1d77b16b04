"""A settings module that the application loads."""

import os

SESSION_TYPE = "filesystem"
SECRET_KEY = os.environ.get("SECRET_KEY")
SESSION_KEY_PREFIX = "app:"
