"""Figures, tables and the frame of a page. Imported by notebooks alone."""
