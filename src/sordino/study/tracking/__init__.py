"""The study of tracking."""
