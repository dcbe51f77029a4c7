"""The documentation as a site: the same pages, and the reference that the code itself gives."""
