//! The program from the outside: what it prints, where, and with which exit code.
//!
//! One binary for all of it, a module for each part of the surface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::disallowed_methods)]

mod across;
mod ansible;
mod ansible_killed;
mod ansible_secrets;
mod cli;
mod cli_apply;
mod cli_live;
mod cli_plan;
mod cli_state;
mod cli_write;
mod compose;
mod compose_engine;
mod context;
mod crash;
mod docker_container;
mod docker_endpoint;
mod docker_image;
mod encryption;
mod examples;
mod formats;
mod fuzz;
mod generated;
mod interrupt;
mod kill_points;
mod kubernetes;
mod kubernetes_kill;
mod kubernetes_live;
mod kubernetes_reach;
mod nested_bad_input;
mod private_engine;
mod proof;
mod said;
mod schemas;
mod search;
mod secret;
mod simulation;
mod small_disk;
mod terraform;
mod terraform_aws;
mod terraform_backends;
mod terraform_killed;
mod terraform_safety;
mod vault;
mod vault_server;
