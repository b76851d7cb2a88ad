"""Views of subscribers."""
