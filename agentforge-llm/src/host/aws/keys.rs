//! A pair of AWS keys and the region that they sign for. Never shown; only the id of the pair leaves the process.

use std::fmt;

use agentforge_core::{Error, Result};

use crate::{
    Environment,
    host::{ApiKey, Host},
};

const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
const REGION: &str = "AWS_REGION";
const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";

/// What stands in a host's address where the region goes.
pub(crate) const REGION_PLACE: &str = "{region}";

/// A pair of AWS keys and the region that they sign for.
///
/// ```
/// use agentforge_llm::host::AwsKeys;
/// let keys = AwsKeys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "eu-central-1")?;
/// assert_eq!(format!("{keys:?}"), "AwsKeys(eu-central-1)");
/// # Ok::<(), agentforge_core::Error>(())
/// ```
#[derive(Clone)]
pub struct AwsKeys {
    pub(super) access_key_id: ApiKey,
    pub(super) secret_access_key: ApiKey,
    pub(super) session_token: Option<ApiKey>,
    pub(super) region: String,
}

impl AwsKeys {
    /// Keys that last. A key that is empty, and a region that is no name, are invalid input.
    pub fn new(access_key_id: &str, secret_access_key: &str, region: &str) -> Result<Self> {
        Ok(Self {
            access_key_id: ApiKey::new(access_key_id, ACCESS_KEY_ID)?,
            secret_access_key: ApiKey::new(secret_access_key, SECRET_ACCESS_KEY)?,
            session_token: None,
            region: region_name(region, "the region")?,
        })
    }

    /// With the token of a session, without which keys that do not last are refused.
    pub fn with_session_token(mut self, token: &str) -> Result<Self> {
        self.session_token = Some(ApiKey::new(token, SESSION_TOKEN)?);
        Ok(self)
    }

    /// The keys in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, when set, `AWS_SESSION_TOKEN`, for the region in
    /// `AWS_REGION` or `AWS_DEFAULT_REGION`. A missing one is an error that names its variable.
    pub fn from_environment(environment: &Environment) -> Result<Self> {
        let needed = |variable: &str| {
            environment.filled(variable).ok_or_else(|| {
                Error::invalid(format!(
                    "{variable} is not set; set it to your AWS key, or choose another model"
                ))
            })
        };
        let keys = Self::new(needed(ACCESS_KEY_ID)?, needed(SECRET_ACCESS_KEY)?, &region_of(environment)?)?;
        match environment.filled(SESSION_TOKEN) {
            Some(token) => keys.with_session_token(token),
            None => Ok(keys),
        }
    }

    /// The region that they sign for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The id of the pair.
    pub const fn access_key_id(&self) -> &ApiKey {
        &self.access_key_id
    }

    /// The secret of the pair, for whoever seals it.
    pub const fn secret_access_key(&self) -> &ApiKey {
        &self.secret_access_key
    }

    /// The token of a session, for keys that do not last.
    pub const fn session_token(&self) -> Option<&ApiKey> {
        self.session_token.as_ref()
    }

    /// The host in the region of these keys. An address that names no place for a region stays.
    #[must_use]
    pub fn host_in_region(&self, host: Host) -> Host {
        match &host.base_url {
            Some(address) => {
                let address = in_region(address, &self.region);
                host.at(address)
            }
            None => host,
        }
    }

    /// Everything that an error must not show.
    pub(in crate::host) fn secrets(&self) -> impl Iterator<Item = &ApiKey> {
        [&self.secret_access_key, &self.access_key_id].into_iter().chain(&self.session_token)
    }
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsKeys({})", self.region)
    }
}

/// The region that an environment names.
pub(crate) fn region_of(environment: &Environment) -> Result<String> {
    let named = [REGION, DEFAULT_REGION]
        .into_iter()
        .find_map(|variable| environment.filled(variable).map(|region| (variable, region)));
    match named {
        Some((variable, region)) => region_name(region, variable),
        None => Err(Error::invalid(format!(
            "{REGION} is not set; set it to the region whose models you use, such as us-east-1"
        ))),
    }
}

/// An address with its region filled in. Some parts of AWS have a domain of their own.
pub(crate) fn in_region(address: &str, region: &str) -> String {
    let address = address.replace(REGION_PLACE, region);
    let domain = match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => return address,
    };
    match address.strip_suffix("amazonaws.com") {
        Some(rest) => format!("{rest}{domain}"),
        None => address,
    }
}

/// A region becomes a part of a host's name, so it may hold nothing but what such a part holds.
fn region_name(region: &str, source: &str) -> Result<String> {
    let region = region.trim();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || region.len() > 40 || !region.bytes().all(fits) {
        return Err(Error::invalid(format!("{source} names no region; it looks like us-east-1")));
    }
    Ok(region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn whole() -> Environment {
        Environment::new()
            .with(ACCESS_KEY_ID, "AKIDEXAMPLE")
            .with(SECRET_ACCESS_KEY, SECRET)
            .with(DEFAULT_REGION, "eu-west-1")
    }

    #[test]
    fn a_missing_one_names_its_variable_and_nothing_is_shown() {
        let keys = AwsKeys::from_environment(&whole().with(SESSION_TOKEN, "a-long-token")).unwrap();
        assert_eq!((keys.region(), keys.secrets().count()), ("eu-west-1", 3));
        assert_eq!(format!("{keys:?}"), "AwsKeys(eu-west-1)");
        for variable in [ACCESS_KEY_ID, SECRET_ACCESS_KEY] {
            for wrong in ["", "  ", "with blank"] {
                let error = AwsKeys::from_environment(&whole().with(variable, wrong)).unwrap_err();
                assert!(error.message().contains(variable) && !error.message().contains(SECRET), "{error}");
            }
        }
        let error = AwsKeys::from_environment(&whole().with(DEFAULT_REGION, "")).unwrap_err();
        assert!(error.message().contains(REGION), "{error}");
        assert_eq!(region_of(&whole().with(REGION, "us-east-1")).unwrap(), "us-east-1");
    }

    #[test]
    fn a_region_cannot_lead_to_another_host() {
        for wrong in ["evil.com/", "us-east-1.evil", "us east", "US-EAST-1", "a@b", "x#", "?"] {
            let error = region_of(&whole().with(REGION, wrong)).unwrap_err();
            assert!(error.message().contains(REGION) && !error.message().contains("evil"), "{error}");
        }
    }

    #[test]
    fn an_address_in_each_part_of_aws() {
        let check = |region: &str, expected: &str| {
            assert_eq!(in_region("https://bedrock-runtime.{region}.amazonaws.com", region), expected);
        };
        check("us-east-1", "https://bedrock-runtime.us-east-1.amazonaws.com");
        check("us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com");
        check("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn");
        check("eusc-de-east-1", "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu");
        assert_eq!(in_region("http://127.0.0.1:9/x", "cn-north-1"), "http://127.0.0.1:9/x");
    }
}
