data "deployctl_state" "network" {
  environmnet = "production"
  state "s3" {
    bucket = "acme-deployments"
  }
}
data "deployctl_state" "lost" {}
data "terraform_remote_state" "old" {
  state "local" {}
}
data "deployctl_state" {
  state "local" {}
}
resource "value" "v" {
  input = [data.deployctl_state.netwrk.outputs.address, data.other.network]
}
