"""Joins storage with algorithms: one module per stage, and the only place that imports Dask."""
