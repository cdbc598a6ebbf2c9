"""Has a share of the requests answered otherwise, and tells how that went."""
