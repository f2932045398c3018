"""Metrics, traces and logs, without contents."""
