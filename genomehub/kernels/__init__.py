"""Numba kernels: arrays and scalars in, arrays out. They import numpy, numba and genomehub.types only."""
