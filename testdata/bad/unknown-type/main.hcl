resource "local_fil" "page" {
  path    = "x"
  content = "y"
}
