"""Answers that broke off: what of one has come, who can go on with it, what to ask, and how the rest is joined to it."""
