//! A place for a state on a real server, made for one test: how a configuration names it, and what really rests there.

use std::future::Future;
use std::net::TcpStream;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::primitives::ByteStream;

use crate::context::Context;

/// A data key for tests.
pub const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Minio,
    Moto,
    Postgres,
}

/// All of them.
pub const ALL: [Kind; 3] = [Kind::Minio, Kind::Moto, Kind::Postgres];

/// A bucket or a schema of its own.
pub struct Place {
    pub kind: Kind,
    /// The bucket's or the schema's name.
    pub name: String,
    /// Where the server is, as `http://host:port` or `postgres://…`.
    pub server: String,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    /// Makes it.
    pub fn new(kind: Kind) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let name = format!("t{}", deployctl_sdk::source::uuid().simple());
        let place = Self { kind, name, server: server(kind), runtime };
        match kind {
            Kind::Minio | Kind::Moto => {
                let client = place.client();
                place.wait(client.create_bucket().bucket(&place.name).send()).unwrap();
            }
            // deployctl makes its schema by itself.
            Kind::Postgres => {}
        }
        place
    }

    /// Waits for something.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// A client for the server itself.
    pub fn client(&self) -> Client {
        let (id, secret) = credentials();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::new(id, secret, None, None, "test"))
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.server)
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Client::from_conf(config.build())
    }

    /// Answers of SQL.
    pub fn sql(&self, text: &str) -> Vec<tokio_postgres::Row> {
        self.wait(async {
            let (client, connection) = tokio_postgres::connect(&self.server, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query(&text.replace("{schema}", &self.name), &[]).await.unwrap()
        })
    }

    /// The `state` block, with the server reached at another address than its own.
    pub fn block_at(&self, server: &str) -> String {
        let name = &self.name;
        match self.kind {
            Kind::Minio | Kind::Moto => format!(
                "state \"s3\" {{\n  bucket = \"{name}\"\n  key = \"shop\"\n  region = \"us-east-1\"\n  endpoint = \"{server}\"\n  path_style = true\n}}"
            ),
            Kind::Postgres => {
                format!("state \"postgres\" {{\n  url = \"{server}\"\n  schema = \"{name}\"\n  key = \"shop\"\n}}")
            }
        }
    }

    /// The `state` block.
    pub fn block(&self) -> String {
        self.block_at(&self.server)
    }

    /// A machine: a checkout of a configuration with a home of its own.
    pub fn machine(&self, main: &str) -> Context {
        self.machine_at(&self.server, main)
    }

    /// A machine that reaches the server at another address.
    pub fn machine_at(&self, server: &str, main: &str) -> Context {
        let mut context = Context::new();
        context.write("main.hcl", &self.configuration_at(server, main));
        Self::prepare(&mut context);
        context
    }

    /// A configuration whose state is here.
    pub fn configuration(&self, main: &str) -> String {
        self.configuration_at(&self.server, main)
    }

    fn configuration_at(&self, server: &str, main: &str) -> String {
        format!("deployctl {{\n{}\n}}\n{main}", self.block_at(server))
    }

    /// Sets what a run needs to get at the state.
    pub fn prepare(context: &mut Context) {
        let (id, secret) = credentials();
        context.set("DEPLOYCTL_STATE_KEY", KEY);
        context.set("AWS_ACCESS_KEY_ID", &id);
        context.set("AWS_SECRET_ACCESS_KEY", &secret);
        context.set("AWS_EC2_METADATA_DISABLED", "true");
    }

    /// What rests there: names and bytes, without what is only of this moment.
    pub fn resting(&self) -> Vec<(String, Vec<u8>)> {
        match self.kind {
            Kind::Minio | Kind::Moto => {
                let client = self.client();
                let names = self.objects("");
                let get = async |name: &String| {
                    let object = client.get_object().bucket(&self.name).key(name).send().await.unwrap();
                    object.body.collect().await.unwrap().to_vec()
                };
                names.iter().map(|name| (name.clone(), self.wait(get(name)))).collect()
            }
            Kind::Postgres => {
                let mut found = Vec::new();
                for row in self.sql("select path, bytes from {schema}.documents order by path") {
                    found.push((format!("shop/default/{}", row.get::<_, String>(0)), row.get(1)));
                }
                for row in self.sql("select path || '#' || place, bytes from {schema}.log_parts order by path, place") {
                    found.push((format!("shop/default/{}", row.get::<_, String>(0)), row.get(1)));
                }
                found
            }
        }
    }

    /// The names of all objects that begin like this, a page after the other.
    pub fn objects(&self, prefix: &str) -> Vec<String> {
        let client = self.client();
        let mut pages = client.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = self.wait(pages.next()) {
            names.extend(page.unwrap().contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        names
    }

    /// Puts other bytes there, behind everybody's back.
    pub fn overwrite(&self, name: &str, bytes: Vec<u8>) {
        match self.kind {
            Kind::Minio | Kind::Moto => {
                let put = self.client().put_object().bucket(&self.name).key(name).body(ByteStream::from(bytes));
                self.wait(put.send()).unwrap();
            }
            Kind::Postgres => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let path = name.strip_prefix("shop/default/").unwrap();
                self.sql(&match path.split_once('#') {
                    Some((path, place)) => format!(
                        "update {{schema}}.log_parts set bytes = '\\x{hex}' where path = '{path}' and place = {place}"
                    ),
                    None => format!("update {{schema}}.documents set bytes = '\\x{hex}' where path = '{path}'"),
                });
            }
        }
    }

    /// Takes a document away, behind everybody's back.
    pub fn remove(&self, name: &str) {
        match self.kind {
            Kind::Minio | Kind::Moto => {
                self.wait(self.client().delete_object().bucket(&self.name).key(name).send()).unwrap();
            }
            Kind::Postgres => {
                let path = name.strip_prefix("shop/default/").unwrap();
                self.sql(&format!("delete from {{schema}}.documents where path = '{path}'"));
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.kind {
            Kind::Minio | Kind::Moto => {
                let client = self.client();
                for names in self.objects("").chunks(16) {
                    let gone = names.iter().map(|name| client.delete_object().bucket(&self.name).key(name).send());
                    self.wait(futures_util::future::join_all(gone));
                }
                let _ = self.wait(client.delete_bucket().bucket(&self.name).send());
            }
            Kind::Postgres => drop(self.sql("drop schema if exists {schema} cascade")),
        }
    }
}

/// MinIO's; the other S3 takes any.
pub fn credentials() -> (String, String) {
    let given = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    (given("AWS_ACCESS_KEY_ID", "deployctl-test"), given("AWS_SECRET_ACCESS_KEY", "deployctl-test-secret"))
}

fn server(kind: Kind) -> String {
    let (variable, usual, engine) = match kind {
        Kind::Minio => ("S3_ENDPOINT", "http://127.0.0.1:19000", "s3"),
        Kind::Moto => ("MOTO_ENDPOINT", "http://127.0.0.1:15000", "moto"),
        Kind::Postgres => ("DATABASE_URL", "postgres://deployctl:deployctl@127.0.0.1:15432/deployctl", "postgres"),
    };
    let server = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    let address = address(&server);
    let answers = TcpStream::connect(&address).is_ok();
    assert!(answers, "nothing answers at {address}: eval \"$(cargo xtask engines {engine})\"");
    server
}

/// `host:port` of an address.
pub fn address(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}
