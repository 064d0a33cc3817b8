# A shop on Kubernetes: a namespace, then its manifests, and one object written in place that says what there is.

variable "tag" {
  type    = string
  default = "1.0"
}

variable "replicas" {
  type    = number
  default = 2
}

variable "namespace" {
  type    = string
  default = "deployctl-example"
}

variable "password" {
  type      = string
  default   = "only-an-example"
  sensitive = true
}

resource "kubernetes_object" "namespace" {
  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata = {
      name = var.namespace
    }
  }
}

resource "kubernetes_manifests" "shop" {
  paths     = ["shop"]
  namespace = kubernetes_object.namespace.manifest.metadata.name
  labels = {
    team = "shop"
  }
}

resource "kubernetes_manifests" "web" {
  namespace = var.namespace
  documents = [
    {
      apiVersion = "v1"
      kind       = "Secret"
      metadata   = { name = "database" }
      stringData = { password = var.password }
    },
    {
      apiVersion = "apps/v1"
      kind       = "Deployment"
      metadata   = { name = "web" }
      spec = {
        replicas = var.replicas
        selector = { matchLabels = { app = "web" } }
        template = {
          metadata = { labels = { app = "web" } }
          spec = {
            containers = [{
              name  = "web"
              image = "shop.example/web:${var.tag}"
              ports = [{ containerPort = 8080 }]
              envFrom = [
                { configMapRef = { name = "settings" } },
                { secretRef = { name = "database" } },
              ]
            }]
          }
        }
      }
    },
  ]
  depends_on = [kubernetes_manifests.shop]
}

output "objects" {
  value = [for object in concat(kubernetes_manifests.shop.objects, kubernetes_manifests.web.objects) : "${object.kind} ${object.name}"]
}
