"""The formats of foreign tables: CSV, Parquet, NPZ and NPY, read whole or in blocks."""
