"""The scenarios of `routing`: where requests go, and what it costs to decide it."""
