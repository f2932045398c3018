"""The metadata of all tables, whichever module declares them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

from sordino.server.database import account_tables, rights_tables
from sordino.server.database.tables import Base

MODULES: Final = (account_tables, rights_tables)
"""The modules of tables beside `tables`; importing one declares its tables."""

TABLES_METADATA: Final[MetaData] = Base.metadata
