//! Where Vertex AI serves models: the address of a project in a location.

use agentforge_core::{Error, Result};

use super::address;
use crate::Environment;

/// The variable that names the project.
const PROJECT: &str = "GOOGLE_CLOUD_PROJECT";
/// The variable that names the location.
const LOCATION: &str = "GOOGLE_CLOUD_LOCATION";

/// The base address of Vertex AI for a project and a location, such as `europe-west4` or `global`.
///
/// ```
/// use agentforge_llm::host::vertex_base_url;
/// assert_eq!(
///     vertex_base_url("my-project", "europe-west4")?,
///     "https://europe-west4-aiplatform.googleapis.com/v1/projects/my-project/locations/europe-west4/publishers/google"
/// );
/// # Ok::<(), agentforge_core::Error>(())
/// ```
pub fn vertex_base_url(project: &str, location: &str) -> Result<String> {
    let location = location_of(location, "the location")?;
    let server = match location {
        "global" => "https://aiplatform.googleapis.com/v1".to_owned(),
        // Several regions under one name.
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com/v1"),
        region => format!("https://{region}-aiplatform.googleapis.com/v1"),
    };
    in_project(&server, project, location, "the project")
}

/// The same as the environment says it. `gateway` stands in place of Google's own server; one that names a project is
/// taken as it is.
pub(crate) fn of_environment(environment: &Environment, gateway: Option<(&str, &str)>) -> Result<String> {
    let gateway = gateway.map(|(text, variable)| address::base_url(text, variable)).transpose()?;
    if let Some(whole) = gateway.as_ref().filter(|address| address.contains("/projects/")) {
        return Ok(whole.clone());
    }
    let wanted = |variable: &str, what: &str| {
        environment.filled(variable).ok_or_else(|| {
            Error::invalid(format!("{variable} is not set; set it to {what}")).with("provider", "vertex")
        })
    };
    let project = wanted(PROJECT, "the project of Google Cloud that asks")?;
    let location = wanted(LOCATION, "where its models run, such as europe-west4 or global")?;
    let location = location_of(location, LOCATION)?;
    match gateway {
        Some(server) => in_project(&server, project, location, PROJECT),
        None => vertex_base_url(project, location),
    }
}

/// A location stands in the name of a server, so it must not lead to another one.
fn location_of<'a>(location: &'a str, source: &str) -> Result<&'a str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if location.is_empty() || !location.bytes().all(fits) {
        return Err(Error::invalid(format!(
            "{source} is no location of Google Cloud; write one like europe-west4, or global"
        )));
    }
    Ok(location)
}

fn in_project(server: &str, project: &str, location: &str, source: &str) -> Result<String> {
    // Some projects belong to a domain: `example.com:project`.
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    if !project.bytes().all(fits) || !project.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::invalid(format!("{source} is no id of a project of Google Cloud")));
    }
    Ok(format!("{server}/projects/{project}/locations/{location}/publishers/google"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_and_a_location_make_an_address_and_nothing_else_does() {
        let address = |location: &str| vertex_base_url("p-1", location).unwrap();
        assert!(
            address("global")
                .starts_with("https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/")
        );
        assert!(address("eu").starts_with("https://aiplatform.eu.rep.googleapis.com/v1/"));
        for location in ["", "a.b", "evil.example.com/", "A", "a@b", "../x"] {
            assert!(vertex_base_url("p-1", location).is_err(), "{location}");
        }
        for project in ["", "a/b", "..", "P", "a?b"] {
            assert!(vertex_base_url(project, "global").is_err(), "{project}");
        }
        assert!(vertex_base_url("example.com:p", "global").is_ok());
    }

    #[test]
    fn a_gateway_stands_in_place_of_the_server() {
        let environment = Environment::new().with(PROJECT, "p-1").with(LOCATION, "eu");
        let at = |gateway: &str| of_environment(&environment, Some((gateway, "G")));
        assert_eq!(
            at("http://box/v1/").unwrap(),
            "http://box/v1/projects/p-1/locations/eu/publishers/google"
        );
        let whole = "http://box/v1/projects/q/locations/x/publishers/google";
        assert_eq!(of_environment(&Environment::new(), Some((whole, "G"))).unwrap(), whole);
        assert!(at("box").unwrap_err().message().starts_with('G'));
    }
}
