resource "local_file" "page" {
  path    = "x"
  content = "y"
  flavour = "z"
}
