resource "value" "a" {
  provider = local
}
resource "local_file" "b" {
  provider = local.other
  path     = "x"
  content  = "y"
}
resource "local_file" "c" {
  provider = "local"
  path     = "x"
  content  = "y"
}
