locals {
  workers = 2
}
output "a" {
  value = local.worker + 1
}
