variable "tag" {
  default = "1"
}
environment "staging" {
  variables = { tga = "2" }
}
