"""Arguments that many routes have."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Path, Query

from sordino.server.access.context import Access, access_of
from sordino.server.access.principal import ACCOUNTS, Principal, Scope, require
from sordino.server.store import Store, store_of

LARGEST_ROW: Final = (1 << 63) - 1

StoreOf = Annotated[Store, Depends(store_of)]
AccessOf = Annotated[Access, Depends(access_of)]
Person = Annotated[Principal, Depends(require(*ACCOUNTS))]
"""Any account."""
UserPrincipal = Annotated[Principal, Depends(require(Scope.OWN))]
ResearchPrincipal = Annotated[Principal, Depends(require(Scope.RESEARCH))]
OperatePrincipal = Annotated[Principal, Depends(require(Scope.OPERATE))]
Staff = Annotated[Principal, Depends(require(Scope.RESEARCH, Scope.OPERATE))]
UserOrResearcher = Annotated[Principal, Depends(require(Scope.OWN, Scope.RESEARCH))]
RowNumber = Annotated[int, Path(ge=1, le=LARGEST_ROW)]
AfterRow = Annotated[int, Query(ge=0, le=LARGEST_ROW)]
