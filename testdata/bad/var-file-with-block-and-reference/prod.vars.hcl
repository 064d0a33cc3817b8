region = var.other
locals {
}
