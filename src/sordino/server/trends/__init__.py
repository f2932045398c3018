"""Trends of a user, the table of a cohort, and the drift of pass rates, from daily counts."""
