"""What the tests of Control share."""

from tests.stores import place, postgres, postgres_url  # noqa: F401
