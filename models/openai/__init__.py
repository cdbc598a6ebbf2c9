"""OpenAI's wire format: what requests may look like, what goes upstream, and what is read from answers on their way through."""
