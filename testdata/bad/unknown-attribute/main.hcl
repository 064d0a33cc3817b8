resource "local_file" "page" {
  path    = "x"
  contnet = "y"
}
