resource "value" "a" {
  health {
    http     = "http://127.0.0.1"
    tcp      = "127.0.0.1:80"
    engine   = true
    interval = "often"
    retires  = 3
    retries  = []
  }
}
