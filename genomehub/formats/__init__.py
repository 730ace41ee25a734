"""Bytes to types and back: FASTQ, FASTA, BAM, VCF, BED. No algorithm lives here."""
