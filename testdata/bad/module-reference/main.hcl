output "a" {
  value = module.shop.url
}
