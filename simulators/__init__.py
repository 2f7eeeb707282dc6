"""Local stand-ins of the vendors' APIs, with memory and faults; they import nothing of ours."""
