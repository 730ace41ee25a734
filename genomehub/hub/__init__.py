"""The hub: a catalogue of results: what each one is, where it came from, whether it is still true."""
