"""What people ask the ledger: cases, processes and milestones, effects, refusals."""
