"""/api/v1/campaigns/: the same domain code as the pages, for servers."""
