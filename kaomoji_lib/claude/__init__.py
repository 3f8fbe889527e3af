"""Claude, and whatever else speaks the Messages API: elicit, introspect, synthesize. Imports ``anthropic`` only to talk."""
