variable "shop" {
  type = object({ name = string, ports = list(number) })
}
