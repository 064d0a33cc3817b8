variable "region" {
  default = "eu"
}
resource "value" "a" {
  input = "in ${var.regoin}"
}
