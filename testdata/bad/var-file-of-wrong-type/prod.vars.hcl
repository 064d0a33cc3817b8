shop = {
  name  = "one"
  ports = [80, true]
}
