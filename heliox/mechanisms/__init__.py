"""The biology: mechanisms as plain functions on scalars (docs/design.md, section 2)."""
