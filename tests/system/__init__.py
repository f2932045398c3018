"""Tests of `sordino.system` and of the installation."""
