variable "password" {
  type      = string
  sensitive = true
}
variable "key" {
  type      = string
  sensitive = true
  default   = ["hunter2"]
}
variable "tag" {
  type = string
}
environment "e" {
  variables = { password = ["hunter2"] }
}
