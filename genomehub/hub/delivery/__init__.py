"""Files given out: objects and their links, slices of reads and variants, reference sequences. No HTTP here."""
