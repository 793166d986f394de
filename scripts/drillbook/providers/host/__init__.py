"""Standing hosts of the inventory: nobody makes them, so a drill claims one, and brings it back to what it was."""
