variable "a" {
  type    = strng
  default = "x"
}
