"""Fjell & Fjord: a small shop on an origin of its own that embeds Beckon as a customer would."""
