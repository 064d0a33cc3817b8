//! What a `state "s3"` block and the environment say about reaching a bucket: profiles, roles, the usual chain of credentials,
//! regions, styles of address, and how the server is to encrypt.

use super::bad_input::{answering, said};
use super::place::{Kind, Place, address, credentials};
use super::proxy::Proxy;
use super::team::{SITE, ok};
use crate::context::Context;

/// A machine with more settings in its `state` block.
fn with(place: &Place, server: &str, more: &str) -> Context {
    let machine = place.machine_at(server, SITE);
    machine.write("main.hcl", &machine.read("main.hcl").replacen("path_style = true", more, 1));
    machine
}

/// The same, whose environment has no credentials.
fn without_credentials(place: &Place, more: &str) -> Context {
    let mut machine = with(place, &place.server, more);
    machine.set("AWS_ACCESS_KEY_ID", "");
    machine.set("AWS_SECRET_ACCESS_KEY", "");
    machine
}

#[test]
fn the_profile_that_is_named_is_used_whatever_else_the_environment_holds() {
    let place = Place::new(Kind::Minio);
    let (id, secret) = credentials();
    let mut machine = with(&place, &place.server, "path_style = true\n  profile = \"team\"");
    machine.write("aws/config", "[profile team]\nregion = us-east-1\n");
    machine.write("aws/credentials", &format!("[team]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"));
    machine.set("AWS_CONFIG_FILE", &machine.file("aws/config").display().to_string());
    machine.set("AWS_SHARED_CREDENTIALS_FILE", &machine.file("aws/credentials").display().to_string());
    machine.set("AWS_ACCESS_KEY_ID", "somebody-else");
    ok(machine.run("apply --auto-approve"));
    assert_eq!(ok(machine.run("output page")), "first\n");
    machine.write("main.hcl", &machine.read("main.hcl").replace("\"team\"", "\"nobody\""));
    insta::assert_snapshot!(said(&machine, "plan"));
}

#[test]
fn the_profile_of_the_environment_is_used_where_none_is_named() {
    let place = Place::new(Kind::Minio);
    let (id, secret) = credentials();
    let mut machine = without_credentials(&place, "path_style = true");
    machine.write("credentials", &format!("[ci]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"));
    machine.set("AWS_SHARED_CREDENTIALS_FILE", &machine.file("credentials").display().to_string());
    machine.set("AWS_PROFILE", "ci");
    ok(machine.run("apply --auto-approve"));
}

#[test]
fn a_containers_credentials_are_found() {
    let place = Place::new(Kind::Minio);
    let (id, secret) = credentials();
    let body = format!(
        "{{\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"{secret}\",\"Token\":\"\",\"Expiration\":\"2099-01-01T00:00:00Z\"}}"
    );
    let mut machine = without_credentials(&place, "path_style = true");
    machine.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &answering("200 OK", "application/json", "", body.leak()));
    ok(machine.run("apply --auto-approve"));
}

#[test]
fn a_role_is_assumed_with_the_credentials_that_are_there() {
    let place = Place::new(Kind::Moto);
    let proxy = Proxy::new(&address(&place.server), true, 1);
    let role = "arn:aws:iam::123456789012:role/deployer";
    let more = format!(
        "path_style = true\n  assume_role {{\n    role_arn = \"{role}\"\n    session_name = \"ci-job-7\"\n    external_id = \"shop\"\n  }}"
    );
    let mut machine = with(&place, &format!("http://{}", proxy.address), &more);
    machine.set("AWS_ENDPOINT_URL_STS", &format!("http://{}", proxy.address));
    ok(machine.run("apply --auto-approve"));
    let requests = proxy.requests();
    let asked = requests.iter().find(|request| request.contains("Action=AssumeRole"));
    let asked = asked.unwrap_or_else(|| panic!("no role was assumed: {requests:#?}"));
    for part in
        ["RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeployer", "RoleSessionName=ci-job-7", "ExternalId=shop"]
    {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    let to_the_bucket: Vec<_> = requests.iter().filter(|request| request.contains(&place.name)).collect();
    assert!(to_the_bucket.len() > 5, "{requests:#?}");
    for request in to_the_bucket {
        assert!(request.to_ascii_lowercase().contains("x-amz-security-token:"), "not with the role: {request}");
    }
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User ana is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/deployer</Message></Error></ErrorResponse>";
    machine.set("AWS_ENDPOINT_URL_STS", &answering("403 Forbidden", "text/xml", "", denied));
    insta::assert_snapshot!(said(&machine, "plan"));
}

#[test]
fn every_object_is_encrypted_by_the_server_as_was_said() {
    let place = Place::new(Kind::Moto);
    let more = "path_style = true\n  server_side_encryption = \"aws:kms\"\n  kms_key_id = \"alias/state\"";
    let machine = with(&place, &place.server, more);
    ok(machine.run("apply --auto-approve"));
    ok(machine.run("apply --auto-approve --var text=second"));
    let client = place.client();
    let names = place.objects("");
    for part in ["/state.json", "/lock", "/journal", "/history.jsonl", "/revisions/", "/blobs/"] {
        assert!(names.iter().any(|name| name.contains(part)), "there is no {part}: {names:?}");
    }
    for name in names {
        let head = place.wait(client.head_object().bucket(&place.name).key(&name).send()).unwrap();
        let encryption = head.server_side_encryption().map(|kind| kind.as_str().to_owned());
        assert_eq!(encryption.as_deref(), Some("aws:kms"), "{name}");
        assert_eq!(head.ssekms_key_id(), Some("alias/state"), "{name}");
    }
    // A server that cannot do it says so, and nothing is written.
    let place = Place::new(Kind::Minio);
    let machine = with(&place, &place.server, "path_style = true\n  server_side_encryption = \"aws:kms\"");
    insta::assert_snapshot!(said(&machine, "apply --auto-approve"));
    assert!(place.objects("").is_empty());
}

/// The bucket stands in the server's name and the region comes from the environment, as with AWS itself; a proxy, which the
/// environment names, leads to a server on this machine.
#[test]
fn a_bucket_is_reached_by_its_own_name_and_through_a_proxy() {
    let place = Place::new(Kind::Moto);
    let proxy = Proxy::new(&address(&place.server), true, 1);
    let mut machine = with(&place, "http://s3.eu-central-1.amazonaws.com", "");
    machine.write("main.hcl", &machine.read("main.hcl").replace("  region = \"us-east-1\"\n", ""));
    machine.set("AWS_REGION", "eu-central-1");
    machine.set("HTTP_PROXY", &format!("http://{}", proxy.address));
    ok(machine.run("apply --auto-approve"));
    let requests = proxy.requests();
    let host = format!("{}.s3.eu-central-1.amazonaws.com", place.name);
    assert!(requests.len() > 5);
    for request in requests {
        assert!(request.contains(&host) && request.contains("/eu-central-1/s3/aws4_request"), "{request}");
    }
    assert!(place.objects("").iter().any(|name| name == "shop/default/state.json"));
}
