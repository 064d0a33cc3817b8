resource "local_file" "a" {
  path    = "x"
  content = "y"
  lifecycle {
    ignore_changes = everything
  }
}
resource "local_file" "b" {
  path    = "x"
  content = "y"
  lifecycle {
    ignore_changes = [mdoe]
  }
}
