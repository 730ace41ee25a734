"""Alignments to genotypes: pileup, active regions, haplotypes, likelihoods, genotypes."""
