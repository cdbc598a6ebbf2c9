"""How Controls of several clusters that share keys keep each limit together."""
