//! States in places that a team shares, on real servers: two S3 implementations of different make and PostgreSQL.
//!
//! Each test has a bucket or a schema of its own. What holds for every place is tested on every place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::disallowed_methods)]

mod bad_input;
mod broken_network;
mod careless;
mod contention;
#[path = "../it/context.rs"]
mod context;
mod encrypted;
mod flipped;
mod interrupted;
mod locks;
mod place;
mod postgres;
mod proxy;
mod retention;
mod round_trips;
mod s3_settings;
#[path = "../it/said.rs"]
mod said;
#[path = "../it/search.rs"]
mod search;
mod team;
