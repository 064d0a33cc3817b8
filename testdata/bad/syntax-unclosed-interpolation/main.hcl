locals {
  a = "hello ${local.b"
  b = 1
}
