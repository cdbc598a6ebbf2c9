"""Which model answers, where the one asked for leaves it open: rules, `auto`."""
