variable "a" {
  default = 1
  validation {
    condition     = var.a > local.least
    error_message = "Too small."
  }
}
locals {
  least = 0
}
