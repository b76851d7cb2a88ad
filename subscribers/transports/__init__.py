"""How bytes leave Beckon: `Endpoint` and `Message` in, `Outcome` out. No models, no settings."""
