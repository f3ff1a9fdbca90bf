"""Shared blocks: transformer layers and position encodings."""
