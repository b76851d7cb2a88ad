"""The PostgreSQL and the Redis-compatible server that Beckon brings along.

They run when DATABASE_URL or REDIS_URL is not set, owned by `manage.py up`, and listen on
unix sockets that only the user who runs Beckon (and root) can reach. Settings import the two
addresses from here, so this file must stay free of Django's settings and models.
"""

from config.embedded.places import StartError, database_url, redis_url

__all__ = ["StartError", "database_url", "redis_url"]
