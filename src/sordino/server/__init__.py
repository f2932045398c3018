"""The central store: a server that takes released vectors alone, and answers with trends.

    ingest/      a batch of a device, checked and stored whole or not at all
    registry/    studies, bundles, participants and devices
    access/      tokens, passwords, sessions, scopes and rate limits
    rights/      consent, export, deletion, retention, the audit log
    groups/      statistics of groups of users
    trends/      trends of a user, the table of a cohort, drift against the card
    pages/       pages for the user, the researcher and the operator
    database/    tables, migrations, and the separate store of the users' keys
    monitoring/  metrics, traces and logs without contents

`sordino.server.app.create_app` connects these rooms; `sordino serve` runs the application.
"""
