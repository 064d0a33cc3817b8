//! Where the Docker Engine is, and a connection to it: what the providers that drive one share.
//!
//! It must not know resources, plans or records: those belong to the providers.
