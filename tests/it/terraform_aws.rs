//! Terraform's provider for AWS against a stand-in on this machine: a bucket and its policy planned, applied, drifted by hand,
//! and rolled back.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::context::{Answer, Context};

fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// The stand-in's address.
pub fn endpoint() -> String {
    let endpoint = std::env::var("MOTO_ENDPOINT").unwrap_or_else(|_| "http://127.0.0.1:15000".to_owned());
    let address = endpoint.trim_start_matches("http://").to_owned();
    let answers = TcpStream::connect(&address).is_ok();
    assert!(answers, "no stand-in for AWS answers at {address}: eval \"$(cargo xtask engines moto)\"");
    endpoint
}

/// A folder from which providers are installed without asking a registry, where this machine has one.
fn mirror() -> Option<PathBuf> {
    let named = std::env::var_os("TF_PLUGIN_MIRROR").map(PathBuf::from);
    let usual = ["/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins"].map(PathBuf::from);
    let optional = deployctl_sdk::fs::read_dir(Path::new("/opt")).unwrap_or_default();
    let mut folders = named.into_iter().chain(usual).chain(optional);
    folders.find(|folder| folder.join("registry.terraform.io/hashicorp/aws").is_dir())
}

pub fn request(endpoint: &str, method: &str, path: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn module(endpoint: &str) -> String {
    format!(
        r#"
terraform {{
  required_providers {{
    aws = {{
      source  = "registry.terraform.io/hashicorp/aws"
      version = "5.100.0"
    }}
  }}
}}
provider "aws" {{
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {{
    s3 = "{endpoint}"
  }}
}}
variable "bucket" {{}}
variable "action" {{}}
resource "aws_s3_bucket" "shop" {{
  bucket = var.bucket
}}
resource "aws_s3_bucket_policy" "shop" {{
  bucket = aws_s3_bucket.shop.id
  policy = jsonencode({{
    Version   = "2012-10-17"
    Statement = [{{ Effect = "Allow", Principal = "*", Action = var.action, Resource = "arn:aws:s3:::${{var.bucket}}/*" }}]
  }})
}}
output "arn" {{
  value = aws_s3_bucket.shop.arn
}}
"#
    )
}

#[test]
fn a_bucket_and_its_policy_are_made_drift_and_go_back() {
    let endpoint = endpoint();
    let mut context = Context::new();
    if let Some(mirror) = mirror() {
        let text = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n");
        context.write("terraform.tfrc", &text);
        let file = context.file("terraform.tfrc").to_string_lossy().into_owned();
        context.set("TF_CLI_CONFIG_FILE", &file);
    }
    let bucket = format!("shop-{}", uuid::Uuid::new_v4().simple());
    let configuration = |action: &str| {
        format!(
            "resource \"terraform_module\" \"shop\" {{\n  path = \"shop\"\n  vars = {{ bucket = \"{bucket}\", action = \"{action}\" }}\n}}\n\
             output \"arn\" {{ value = terraform_module.shop.outputs.arn }}\n"
        )
    };
    context.write("shop/main.tf", &module(&endpoint));
    context.write("main.hcl", &configuration("s3:GetObject"));
    let plan = ok(context.run("plan"));
    assert!(plan.contains("+ aws_s3_bucket.shop") && plan.contains("+ aws_s3_bucket_policy.shop"), "{plan}");
    ok(context.run("apply --auto-approve"));
    let policy = || request(&endpoint, "GET", &format!("/{bucket}?policy"));
    assert!(policy().contains("s3:GetObject"), "{}", policy());
    assert!(ok(context.run("output arn")).contains(&format!("arn:aws:s3:::{bucket}")));
    assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));

    // Somebody takes the policy away.
    request(&endpoint, "DELETE", &format!("/{bucket}?policy"));
    assert!(!policy().contains("s3:GetObject"), "{}", policy());
    let refreshed = ok(context.run("plan --refresh-only"));
    assert!(refreshed.contains("aws_s3_bucket_policy.shop"), "{refreshed}");
    let plan = ok(context.run("plan"));
    assert!(plan.contains("Changed outside deployctl") && plan.contains("+ aws_s3_bucket_policy.shop"), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert!(policy().contains("s3:GetObject"), "{}", policy());

    context.write("main.hcl", &configuration("s3:ListBucket"));
    let plan = ok(context.run("plan"));
    assert!(plan.contains("~ aws_s3_bucket_policy.shop"), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert!(policy().contains("s3:ListBucket"), "{}", policy());
    ok(context.run("rollback --auto-approve"));
    assert!(policy().contains("s3:GetObject"), "{}", policy());

    let plan = ok(context.run("plan --destroy"));
    assert!(plan.contains("DATA LOSS") && plan.contains("deletes aws_s3_bucket.shop"), "{plan}");
    ok(context.run("destroy --auto-approve"));
    assert!(policy().contains("NoSuchBucket"), "{}", policy());
}
