variable "k" {
  default = "K"
}
deployctl {
  encryption "aes_gcm" {
    key {
      env = var.k
    }
  }
}
