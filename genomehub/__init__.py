"""genomehub: sequencing reads to genome data sets that can be found, trusted and used.

The data's way, one room after the other::

    FASTQ -> reads -> seeds -> chains -> alignments -> sorted, duplicate-marked BAM/CRAM
          -> pileup -> active regions -> haplotypes -> likelihoods -> genotypes
          -> VCF Zarr (calls + reference blocks) -> VCF/gVCF, QC -> catalogue -> clients

``formats`` bytes to types, ``kernels`` Numba only, ``align`` reads to alignments, ``variants``
alignments to genotypes, ``store`` arrays at rest, ``quality`` metrics and scores, ``pipeline`` plans
and the only Dask import, ``hub`` catalogue, ``cli`` thin.
"""

__version__ = "0.1.0"
