"""What happened, in SQL: inbox, effects, crosswalk, milestones, exceptions, events, audit chain."""
