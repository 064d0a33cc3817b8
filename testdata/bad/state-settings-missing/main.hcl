deployctl {
  state "s3" {
    key       = "shop"
    pathstyle = true
    assume_role {
    }
  }
}
