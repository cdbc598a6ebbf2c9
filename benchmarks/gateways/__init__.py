"""Ways to get a gateway to measure: a private cluster of our own, or one that runs already."""
