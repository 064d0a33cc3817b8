//! The SDK's client, as the settings want it.

use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    HttpClient, RequestChecksumCalculation, ResponseChecksumValidation, RuntimeComponents,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};

use super::settings::S3Settings;

/// How often a request is tried in all before the connection counts as lost.
const ATTEMPTS: u32 = 6;

/// How long one try may take.
const ATTEMPT_TIME: Duration = Duration::from_secs(30);

const CONNECT_TIME: Duration = Duration::from_secs(5);

/// The region where no other is named: servers other than AWS mostly do not care.
const FALLBACK_REGION: &str = "us-east-1";

/// Makes the client.
pub(super) async fn client(settings: &S3Settings) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIME).operation_attempt_timeout(ATTEMPT_TIME);
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(Duration::from_millis(100));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .timeout_config(timeouts.build())
        .retry_config(retries.with_max_backoff(Duration::from_secs(3)))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        // The one that is named is meant, whatever else the environment holds.
        let config = match &settings.region {
            Some(region) => ProviderConfig::without_region().with_region(Some(Region::new(region.clone()))),
            None => ProviderConfig::with_default_region().await,
        };
        let provider = ProfileFileCredentialsProvider::builder().profile_name(profile);
        let provider = provider.configure(&config.with_http_client(http_client())).build();
        loader = loader.profile_name(profile).credentials_provider(provider);
    }
    let base = loader.load().await;
    let mut config = aws_sdk_s3::config::Builder::from(&base)
        .force_path_style(settings.path_style)
        // What older servers and other implementations understand.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if base.region().is_none() {
        config = config.region(Region::from_static(FALLBACK_REGION));
    }
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
    }
    if let Some(role) = &settings.assume_role {
        let mut provider = AssumeRoleProvider::builder(&role.role_arn).configure(&base);
        provider = provider.session_name(role.session_name.as_deref().unwrap_or("deployctl"));
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        config = config.credentials_provider(provider.build().await);
    }
    Client::from_conf(config.build())
}

/// Rustls with ring, the system's trust store, and the proxies that the environment names.
fn http_client() -> impl HttpClient + 'static {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.enable_tcp_nodelay(true).tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}
