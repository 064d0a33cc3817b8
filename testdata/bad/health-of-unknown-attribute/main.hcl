resource "local_process" "web" {
  command = "sleep"
  health {
    http = "http://127.0.0.1:${self.prot}"
  }
}
