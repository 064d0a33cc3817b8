//! Where the job that this process runs in can be looked at: the variables by which well-known CI systems tell.

/// The job's address, from the variables that `get` answers.
pub(crate) fn url(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    // Those that give a whole address.
    const WHOLE: [&str; 8] = [
        "CI_JOB_URL",
        "CI_PIPELINE_URL",
        "CIRCLE_BUILD_URL",
        "BUILD_URL",
        "DRONE_BUILD_LINK",
        "TRAVIS_JOB_WEB_URL",
        "APPVEYOR_JOB_URL",
        "SEMAPHORE_JOB_URL",
    ];
    let whole = || WHOLE.iter().find_map(|name| get(name));
    github(get).or_else(|| buildkite(get)).or_else(|| azure(get)).or_else(|| bitbucket(get)).or_else(whole)
}

fn github(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (server, repository) = (get("GITHUB_SERVER_URL")?, get("GITHUB_REPOSITORY")?);
    Some(format!("{server}/{repository}/actions/runs/{}", get("GITHUB_RUN_ID")?))
}

fn buildkite(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let build = get("BUILDKITE_BUILD_URL")?;
    Some(match get("BUILDKITE_JOB_ID") {
        Some(job) => format!("{build}#{job}"),
        None => build,
    })
}

fn azure(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (collection, project) = (get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI")?, get("SYSTEM_TEAMPROJECT")?);
    Some(format!("{collection}{project}/_build/results?buildId={}", get("BUILD_BUILDID")?))
}

fn bitbucket(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (origin, number) = (get("BITBUCKET_GIT_HTTP_ORIGIN")?, get("BITBUCKET_BUILD_NUMBER")?);
    Some(format!("{origin}/addon/pipelines/home#!/results/{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> Option<String> {
        url(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_job_is_named_as_its_system_tells() {
        let github =
            [("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_REPOSITORY", "a/b"), ("GITHUB_RUN_ID", "7")];
        assert_eq!(told(&github).as_deref(), Some("https://github.com/a/b/actions/runs/7"));
        let gitlab = [("CI_JOB_URL", "https://gitlab.example/j/1"), ("CI_PIPELINE_URL", "https://gitlab.example/p/1")];
        assert_eq!(told(&gitlab).as_deref(), Some("https://gitlab.example/j/1"));
        let jenkins = [("BUILD_URL", "https://ci.example/job/x/3/")];
        assert_eq!(told(&jenkins).as_deref(), Some("https://ci.example/job/x/3/"));
        let buildkite = [("BUILDKITE_BUILD_URL", "https://buildkite.com/o/p/builds/1"), ("BUILDKITE_JOB_ID", "x")];
        assert_eq!(told(&buildkite).as_deref(), Some("https://buildkite.com/o/p/builds/1#x"));
        assert_eq!(told(&[("GITHUB_RUN_ID", "7")]), None);
    }
}
