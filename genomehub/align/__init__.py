"""Reads to alignments: seeds, chains, extension, pairing, mapping quality."""
