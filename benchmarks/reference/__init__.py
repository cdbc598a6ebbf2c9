"""Other gateways to stand beside: a yardstick of our own, and products that are installed in environments of their own."""
