resource "local_file" "page" {
  path    = "x"
  content = "y"
  permissions {
    owner = "me"
  }
}
