//! Ansible playbooks, their check run nested in our plan.
