//! Docker Compose projects: `docker compose` does the work, and what it will do is planned here.
