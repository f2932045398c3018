"""Tests of consent, export, deletion, retention, the audit log and statistics of groups."""
