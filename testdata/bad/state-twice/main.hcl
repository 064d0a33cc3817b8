deployctl {
  state "local" {}
  state "s3" {
    bucket = "acme-deployments"
    key    = "shop"
  }
}
