variable "password" {
  type      = string
  sensitive = true
}
variable "tag" {
  type = string
}
