"""Groups of whole machines, restored from their provider's backups: their declaration and settings. `drillbook.machines` does the work."""
