"""ONNX models: read without trust, checked operator by operator, and run."""

from __future__ import annotations
