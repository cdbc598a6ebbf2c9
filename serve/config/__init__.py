"""The cluster file: its schema, its checks, and the catalogue that a router makes of its dynamic part."""
