"""LiteLLM's proxy config as a cluster file."""
