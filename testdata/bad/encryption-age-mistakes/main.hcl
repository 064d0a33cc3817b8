deployctl {
  encryption "age" {
    recipients = []
    identity {
      command = "age-key"
    }
    previous "aes" {}
  }
}
