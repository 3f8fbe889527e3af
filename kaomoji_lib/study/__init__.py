"""The words of the study: categories, stimuli, faces, escaping and statistics."""
