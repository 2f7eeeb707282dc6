"""Local stand-ins of the vendors' APIs, with memory, latency and faults; they import nothing of ours."""
