"""Find the kaomoji that opens a reply, and its canonical form."""
