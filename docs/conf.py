"""Settings of the manual: MyST pages, executed notebooks, and a reference made from the code."""

from __future__ import annotations

import sys
from pathlib import Path

import sordino

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "sordino"
author = "The sordino developers"
copyright = "the sordino developers, Apache-2.0"
version = release = sordino.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "api_reference",
    "command_reference",
]
exclude_patterns = ["downloads", "extensions"]
nitpicky = True
nitpick_ignore_regex = [  # packages without an inventory here: nothing is fetched
    ("py:.*", r"(collections|datetime|np|numpy|pandas|pathlib|pd|sklearn|torch|typing)\..*"),
    ("py:class", r"NDArray|Path"),
]

myst_enable_extensions = ["attrs_block", "fieldlist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 1200
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"sordino {version}"
html_show_sphinx = False
html_copy_source = False
html_show_search_summary = (
    False  # the summary of a result is fetched, which a browser refuses from disk
)
