variable "ports" {
  type = list(number)
}
variable "secrets" {
  type      = list(string)
  sensitive = true
}
