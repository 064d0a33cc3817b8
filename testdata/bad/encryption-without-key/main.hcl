deployctl {
  encryption "aes_gcm" {}
}
