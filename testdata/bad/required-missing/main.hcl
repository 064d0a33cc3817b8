resource "local_file" "page" {
  content = "y"
}
