//! Terraform and OpenTofu modules, their plan nested in ours.
