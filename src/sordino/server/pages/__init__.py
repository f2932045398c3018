"""Pages for the user, the researcher and the operator: HTML that works without JavaScript.

rendering         templates, filters and the files that pages load
security_headers  what a browser may do with an answer
views             what a page shows, as frozen values
plots             trends and rates as SVG
"""
