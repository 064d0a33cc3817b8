resource "local_file" "a" {
  path    = "x"
  content = "y"
  lifecycle {
    prevent_destory = true
    ignore_changes  = [contnet, 5]
    postcondition {
      error_message = "Never."
    }
  }
}
