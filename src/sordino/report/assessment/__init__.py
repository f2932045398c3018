"""A section for a data-protection impact assessment, from the figures of an audit."""

from __future__ import annotations

from sordino.report.assessment.articles import Article
from sordino.report.assessment.section import Assessment, assess, check_path

__all__ = ["Article", "Assessment", "assess", "check_path"]
