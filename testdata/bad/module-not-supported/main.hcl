module "shop" {
  source = "./shop"
}
data "local_file" "x" {
}
