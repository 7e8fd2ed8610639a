"""Sphinx's settings. `python -m docs.site` prepares the pages and runs it."""

project = "tapec"
author = "the tapec authors"
copyright = author

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "html_image"]
myst_heading_anchors = 3
exclude_patterns = []

html_theme = "furo"
html_title = "tapec"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}

pygments_style = "default"
pygments_dark_style = "github-dark"

# The form is checked by `python -m docs.site`; every warning is an error there.
nitpicky = True


def setup(app):
    from pygments.lexers.special import TextLexer

    from tapec.highlight import TirLexer

    app.add_lexer("tir", TirLexer)
    app.add_lexer("ebnf", TextLexer)  # Pygments knows another form
