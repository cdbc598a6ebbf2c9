"""The scenarios of `cache`."""
