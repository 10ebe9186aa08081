"""The runs room: one run, and many."""
