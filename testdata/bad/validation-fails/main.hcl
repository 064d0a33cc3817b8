variable "port" {
  type    = number
  default = 80
  validation {
    condition     = var.port >= 1024
    error_message = "The port ${var.port} is below 1024."
  }
}
