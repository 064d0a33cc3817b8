deployctl {
  encryption "aes_gcm" {
    key {
      env = "K"
    }
  }
  encryption "age" {
    recipients = []
  }
}
