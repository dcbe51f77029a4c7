"""The tests mirror the package; their names are its promises."""
