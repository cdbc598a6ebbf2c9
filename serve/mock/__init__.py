"""A scripted OpenAI-compatible provider, for trying faults, timings and clients without a model."""
