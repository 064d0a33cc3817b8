resource "local_file" "page" {
  path    = ["x"]
  content = { a = 1 }
}
