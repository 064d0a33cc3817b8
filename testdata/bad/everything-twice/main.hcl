variable "a" {
  default = 1
}
variable "a" {
  default = 2
}
locals {
  b = 1
}
locals {
  b = 2
}
output "c" {
  value = 1
}
output "c" {
  value = 2
}
environment "d" {
}
environment "d" {
}
deployment {
}
deployment {
}
deployctl {
}
deployctl {
}
provider "local" {
}
provider "local" {
}
