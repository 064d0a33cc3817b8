# A Terraform module and what is made from its outputs, in one plan. The module needs nothing but Terraform itself.

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "zones" {
  type    = number
  default = 2
}

resource "terraform_module" "network" {
  path = "network"
  vars = {
    region = var.region
    zones  = var.zones
  }
}

resource "local_file" "subnets" {
  path    = "subnets.json"
  content = jsonencode(terraform_module.network.outputs.subnets)
}

output "subnets" {
  value = terraform_module.network.outputs.subnets
}
