//! URLs of DynamoDB, which has none of its own.

use aws_credential_types::Credentials;
use dewar::{Error, ErrorKind, Result};

use crate::percent::credential;

/// What a URL and the environment say.
pub(super) struct Target {
    pub(super) region: String,
    /// An endpoint that is not AWS's.
    pub(super) endpoint: Option<String>,
    pub(super) credentials: Credentials,
    /// Where it is, without keys.
    pub(super) address: String,
}

/// Reads a URL; what it leaves out is looked up in the environment. No message repeats it: it may hold a key.
pub(super) fn parse(url: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Target> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(bad("has no scheme"));
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (keys, host) = match rest.rsplit_once('@') {
        Some((keys, host)) => (Some(keys), host.trim_end_matches('/')),
        None => (None, rest.trim_end_matches('/')),
    };
    if host.contains('/') {
        return Err(bad(
            "has a path, which means nothing here; the table is SESSION_DYNAMODB_TABLE",
        ));
    }
    let mut region = None;
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("region", name)) => region = Some(name.to_owned()),
            _ => return Err(bad("has an option other than region")),
        }
    }
    let endpoint = match scheme {
        "dynamodb" => {
            region = region.or_else(|| Some(host.to_owned()).filter(|host| !host.is_empty()));
            environment("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| environment("AWS_ENDPOINT_URL"))
        }
        "dynamodb+http" | "dynamodb+https" if host.is_empty() => return Err(bad("names no host")),
        "dynamodb+http" => Some(format!("http://{host}")),
        "dynamodb+https" => Some(format!("https://{host}")),
        _ => {
            return Err(bad(
                "must begin with dynamodb://, dynamodb+https:// or dynamodb+http://",
            ));
        }
    };
    let region = region
        .or_else(|| environment("AWS_REGION"))
        .or_else(|| environment("AWS_DEFAULT_REGION"));
    let Some(region) = region else {
        return Err(bad("names no region, and neither does AWS_REGION"));
    };
    if !region
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(bad("names a region with characters that no region has"));
    }
    let address = match &endpoint {
        Some(endpoint) => endpoint
            .split_once("://")
            .map_or(&endpoint[..], |(_, host)| host)
            .to_owned(),
        None => region.clone(),
    };
    Ok(Target {
        credentials: credentials(keys, environment)?,
        region,
        endpoint,
        address,
    })
}

fn credentials(
    keys: Option<&str>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Credentials> {
    if let Some(keys) = keys {
        let Some((key, secret)) = keys.split_once(':') else {
            return Err(bad("names a key without its secret"));
        };
        let key = credential(key).map_err(bad)?;
        let secret = credential(secret).map_err(bad)?;
        return Ok(Credentials::new(key, secret, None, None, "url"));
    }
    let found = (
        environment("AWS_ACCESS_KEY_ID"),
        environment("AWS_SECRET_ACCESS_KEY"),
    );
    let (Some(key), Some(secret)) = found else {
        return Err(bad(
            "names no key, and neither do AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for the role of a machine or \
             container, hand over a client of aws-config (DynamodbStore::from_client)",
        ));
    };
    let token = environment("AWS_SESSION_TOKEN");
    Ok(Credentials::new(key, secret, token, None, "environment"))
}

fn bad(what: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the URL of the DynamoDB store {what}; it should look like dynamodb://eu-central-1 or \
             dynamodb+http://KEY:SECRET@localhost:8000/?region=eu-central-1"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "AWS_ACCESS_KEY_ID" => "id",
            "AWS_SECRET_ACCESS_KEY" => "hunter2",
            "AWS_REGION" => "us-east-1",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn url_and_environment_say_where_and_who() {
        for (url, region, endpoint, address, key) in [
            ("dynamodb://", "us-east-1", None, "us-east-1", "id"),
            (
                "dynamodb://eu-central-1",
                "eu-central-1",
                None,
                "eu-central-1",
                "id",
            ),
            (
                "dynamodb://a:b%2Fc@eu-west-1",
                "eu-west-1",
                None,
                "eu-west-1",
                "a",
            ),
            (
                "dynamodb+http://a:b@h:8000/?region=r-1",
                "r-1",
                Some("http://h:8000"),
                "h:8000",
                "a",
            ),
            (
                "dynamodb+https://h",
                "us-east-1",
                Some("https://h"),
                "h",
                "id",
            ),
        ] {
            let target = parse(url, environment).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(target.region, region);
            assert_eq!(target.endpoint.as_deref(), endpoint);
            assert_eq!(target.address, address);
            assert_eq!(target.credentials.access_key_id(), key);
        }
        let target = parse("dynamodb://a:b%2Fc@eu-west-1", environment);
        assert_eq!(
            target
                .unwrap_or_else(|error| panic!("{error}"))
                .credentials
                .secret_access_key(),
            "b/c"
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error_without_the_secret() {
        for url in [
            "eu-central-1",
            "redis://a:hunter2@h",
            "dynamodb+http://a:hunter2@",
            "dynamodb://a:hunter2%2@r",
            "dynamodb://hunter2@r",
            "dynamodb://a:hunter2@r/table",
            "dynamodb://a:b@r?table=hunter2",
            "dynamodb://a:b@r?region=hunter2!",
        ] {
            let error = parse(url, environment)
                .err()
                .unwrap_or_else(|| panic!("{url} is understood"));
            assert!(!format!("{error:?}").contains("hunter2"), "{error}");
        }
        let error = parse("dynamodb://r", |_| None)
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("AWS_ACCESS_KEY_ID")));
    }
}
