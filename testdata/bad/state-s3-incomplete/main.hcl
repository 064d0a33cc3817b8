deployctl {
  state "s3" {
    region = "eu-central-1"
    assume_role {
      session_name = "ci"
    }
  }
}
