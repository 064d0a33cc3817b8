deployctl {
  encryption "age" {
    recipients = ["age1notarecipient"]
    key {
      env = "K"
    }
    identity {
      env     = "A"
      file    = "b"
      command = []
    }
    previous "aes_gcm" {
      key {}
    }
  }
}
