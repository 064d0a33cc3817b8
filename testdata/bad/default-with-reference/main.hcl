variable "a" {
  default = local.b
}
variable "c" {
  default = upper("x")
}
locals {
  b = 1
}
