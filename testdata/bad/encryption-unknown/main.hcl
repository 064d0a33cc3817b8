deployctl {
  encryption "aes-gcm" {
    key {
      env = "K"
    }
  }
}
