"""Pages for the user, the researcher and the operator: HTML that works without JavaScript.

    user_pages, study_pages, operator_pages             their routes, which `routes` lists
    stored, limits, trend_views, server_state           what a page shows, as the frozen `views`
    plots                                               trends as SVG
    rendering, shown, error_pages, static_files         templates, errors, style and scripts
    security_headers                                    what a browser may do with an answer

Every value in a template is escaped, and no page loads a file of another server.
"""
