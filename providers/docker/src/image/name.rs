//! Names of images: `registry/repository:tag` and `registry/repository@digest`, of which much may be left out.

use deployctl_sdk::Digest;

/// The registry of names that begin with none.
const DOCKER_HUB: &str = "docker.io";

/// A name, taken apart. Two are the same if the engine lists them as the same.
#[derive(Debug, Clone)]
pub(super) struct Name {
    /// As the engine lists it: without `docker.io/library/`.
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Name {
    /// Takes a name apart; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                digest.strip_prefix("sha256:")?.parse::<Digest>().ok()?;
                (rest, Some(digest.to_owned()))
            }
            None => (text, None),
        };
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match rest.get(last..)?.split_once(':') {
            Some((name, tag)) => (rest.get(..last + name.len())?, Some(tag)),
            None => (rest, None),
        };
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let good_tag = tag.is_none_or(|tag| {
            !tag.is_empty() && tag.len() <= 128 && !tag.starts_with(['.', '-']) && tag.chars().all(word)
        });
        let mut parts = repository.split('/').peekable();
        let first_is_registry = repository.contains('/') && parts.peek().is_some_and(|first| is_registry(first));
        let good = |(index, part): (usize, &str)| match index {
            0 if first_is_registry => part.chars().all(|c| word(c) || c == ':'),
            _ => !part.is_empty() && part.chars().all(|c| word(c) && !c.is_ascii_uppercase()),
        };
        if !good_tag || !parts.enumerate().all(good) {
            return None;
        }
        let repository = repository.strip_prefix("docker.io/").unwrap_or(repository);
        let repository = repository.strip_prefix("library/").unwrap_or(repository);
        Some(Self { repository: repository.to_owned(), tag: tag.map(str::to_owned), digest })
    }

    /// The repository, as the engine lists it.
    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, `latest` if none is given.
    pub(super) fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// The digest, if it is named by one.
    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// As the engine lists it.
    pub(super) fn full(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository),
            None => format!("{}:{}", self.repository, self.tag()),
        }
    }

    /// The registry that it is from.
    pub(super) fn registry(&self) -> &str {
        match self.repository.split_once('/') {
            Some((first, _)) if is_registry(first) => first,
            _ => DOCKER_HUB,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.full() == other.full()
    }
}

fn is_registry(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_the_engine_lists_them() {
        let full = |text: &str| Name::parse(text).map(|name| (name.full(), name.registry().to_owned()));
        let hub = |name: &str| Some((name.to_owned(), "docker.io".to_owned()));
        assert_eq!(full("nginx"), hub("nginx:latest"));
        assert_eq!(full("docker.io/library/nginx:1"), hub("nginx:1"));
        assert_eq!(full("shop/web:1.4"), hub("shop/web:1.4"));
        let local = Some(("localhost:5000/web:latest".to_owned(), "localhost:5000".to_owned()));
        assert_eq!(full("localhost:5000/web"), local);
        let digest = format!("nginx@sha256:{}", "a".repeat(64));
        assert_eq!(full(&digest), hub(&digest));
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in ["", "Web", "a//b", "web:", "web:a b", "web@sha256:12", "web:-x", "/web"] {
            assert_eq!(Name::parse(text), None, "{text:?}");
        }
    }
}
