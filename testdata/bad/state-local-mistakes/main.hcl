deployctl {
  state "local" {
    bucket = "acme-deployments"
    path   = ["a"]
  }
}
