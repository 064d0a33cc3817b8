variable "where" {}
deployctl {
  state "postgress" {
    key = "shop"
  }
}
data "deployctl_state" "network" {
}
data "deployctl_state" "other" {
  state "s3" {
    bucket = var.where
    key    = "shop"
  }
}
output "a" {
  value = data.deployctl_state.netwrok.outputs.a
}
output "b" {
  value = data.other.thing
}
