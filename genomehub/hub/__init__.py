"""The hub: a catalogue of results that says what each one is, where it came from and whether it is still true."""
