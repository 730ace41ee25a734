"""Files given out: objects and their links, slices of reads and variants, references. No HTTP here."""
