variable "bucket" {
  default = "acme-deployments"
}
deployctl {
  state "s3" {
    bucket = var.bucket
    key    = "shop/${env("USER")}"
  }
}
