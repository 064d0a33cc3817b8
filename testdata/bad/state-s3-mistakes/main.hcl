deployctl {
  state "s3" {
    bucket                 = "s3://acme-deployments"
    key                    = ""
    regoin                 = "eu-central-1"
    endpoint               = "minio.internal:9000"
    path_style             = "yes"
    server_side_encryption = "aes256"
    kms_key_id             = "alias/state"
    assume_role {
      role_arn = "deployer"
      duration = "1h"
    }
  }
}
