"""The webhook receiver: verify, store once, answer; a dispatcher then starts the process."""
