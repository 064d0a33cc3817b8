variable "workers" {
  type = number
}
variable "ports" {
  type = list(number)
}
