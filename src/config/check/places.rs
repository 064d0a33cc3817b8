//! What an expression may refer to, which depends on where it stands.

use deployctl_sdk::ResourceSchema;

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'c> {
    /// Whether references are possible at all.
    pub nothing: bool,
    /// Whether only variables may be referred to, as in a validation.
    pub variables_only: bool,
    /// Whether `each` means something.
    pub each: bool,
    /// Whether `count` means something.
    pub count: bool,
    /// Whether `self` means something, and what: the type of the resource, where it is known.
    pub own: Option<Option<&'c ResourceSchema>>,
}

impl Place<'_> {
    /// Outside of any resource.
    pub const TOP: Self = Self { nothing: false, variables_only: false, each: false, count: false, own: None };
    /// In a `validation`.
    pub const VALIDATION: Self = Self { variables_only: true, ..Self::TOP };
    /// Where plain values must stand.
    pub const NOWHERE: Self = Self { nothing: true, ..Self::TOP };
}
