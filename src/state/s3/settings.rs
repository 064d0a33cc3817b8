//! What the configuration says about the bucket.

/// Where the bucket is and how it is reached. What is not given comes from where the SDK usually finds it: variables, profiles,
/// the machine's role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What the objects' names begin with.
    pub key: String,
    /// The bucket's region.
    pub region: Option<String>,
    /// The server, where it is not AWS.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path and not in the server's name.
    pub path_style: bool,
    /// The profile that credentials come from.
    pub profile: Option<String>,
    /// The role that is assumed with those credentials.
    pub assume_role: Option<AssumeRole>,
    /// How the server encrypts what it keeps: `AES256` or `aws:kms`.
    pub server_side_encryption: Option<String>,
    /// The key that the server encrypts with.
    pub kms_key_id: Option<String>,
    /// Whether to work with a server that writes whatever the condition says.
    pub allow_unconditional_writes: bool,
}

/// A role to be assumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role.
    pub role_arn: String,
    /// What the session is called in the server's log.
    pub session_name: Option<String>,
    /// What the role's owner asks for.
    pub external_id: Option<String>,
}
