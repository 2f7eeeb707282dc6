"""Business processes, one a file, and the process base they share."""
