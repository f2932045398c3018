"""Methods of other people, as rows of `sordino compare`; `families` lists them."""
