variable "region" {
  type = string
}
variable "tag" {
  type = string
}
variable "fine" {
  default = 1
}
