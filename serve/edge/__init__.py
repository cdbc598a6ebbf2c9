"""The product's HTTP/1.1 edge: listener, protocol, limits, and the ways into it."""
