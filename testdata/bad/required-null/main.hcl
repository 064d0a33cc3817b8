resource "local_file" "page" {
  path    = null
  content = "y"
}
