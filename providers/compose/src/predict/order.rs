//! Which of a service's containers stay when there are too many.

use crate::engine::Container;

/// The containers in the order in which they are kept: those that are up to date before those that are not, and the lower
/// number before the higher.
pub(super) fn kept_first<'c>(
    containers: &[&'c Container],
    obsolete: impl Fn(&Container) -> bool,
) -> Vec<&'c Container> {
    let mut ordered = containers.to_vec();
    ordered.sort_by_key(|container| (obsolete(container), container.number.unwrap_or(usize::MAX)));
    ordered
}

/// The number of the next container of a service.
pub(super) fn next_number(containers: &[&Container]) -> usize {
    containers.iter().filter_map(|container| container.number).max().unwrap_or(0) + 1
}
