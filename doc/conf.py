"""Configuration of sphinx: `sphinx-build doc doc/_build`."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import skvi

project = "skvi"
author = "The skvi developers"
copyright = "The skvi developers"
release = version = skvi.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
default_role = "code"
html_theme = "alabaster"
html_theme_options = {"description": "Variational inference as scikit-learn estimators", "page_width": "1100px"}
numpydoc_show_class_members = False
autodoc_member_order = "bysource"


def escape(app, what, name, obj, options, lines):
    """Escape | and a trailing _, which mean nothing in the docstrings, outside of backticks and code."""

    def quoted(text):
        return re.sub(r"`[^`]*`|\||(?<=\w)_(?!\w)", lambda m: m[0] if m[0][0] == "`" else "\\" + m[0], text)

    for i, line in enumerate(lines):
        head, colon, tail = line.partition(" : ")
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = head + colon + quoted(tail) if colon else quoted(line)


def setup(app):
    """Run before numpydoc."""
    app.connect("autodoc-process-docstring", escape, priority=400)
