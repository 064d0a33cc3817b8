variable "region" {
  type = string
}

variable "zones" {
  type = number
}

resource "terraform_data" "network" {
  input = "network in ${var.region}"
}

resource "terraform_data" "subnet" {
  count = var.zones
  input = "subnet-${var.region}-${count.index}"

  triggers_replace = [terraform_data.network.input]
}

output "subnets" {
  value = terraform_data.subnet[*].output
}
