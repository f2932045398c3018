"""Measurements of large inputs and of clusters."""
