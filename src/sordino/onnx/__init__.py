"""ONNX models: written, read without trust, checked operator by operator, and run."""

from __future__ import annotations
