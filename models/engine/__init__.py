"""vLLM as a part of a process of ours."""
