//! Images, networks, volumes and containers of a Docker Engine.
