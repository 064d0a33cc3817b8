resource "local_file" "page" {
  path    = index
  content = "y"
}
