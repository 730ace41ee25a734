"""Arrays at rest: the reference directory and VCF Zarr stores."""
