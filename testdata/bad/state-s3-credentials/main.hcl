deployctl {
  state "s3" {
    bucket     = "acme-deployments"
    key        = "shop"
    endpoint   = "https://ana:hunter2@minio.internal"
    access_key = "AKIA"
  }
}
