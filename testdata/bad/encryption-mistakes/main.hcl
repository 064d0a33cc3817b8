deployctl {
  encryption "age" {
    recipients = ["age1notarecipient", "AGE-SECRET-KEY-1"]
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
