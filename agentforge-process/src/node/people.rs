//! Whom an approval asks, how many must agree and how long they have.

use std::time::Duration;

use agentforge_core::{
    approval::Assignee,
    error::{Error, Result},
    id::UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Builder;
use crate::{
    Period,
    template::{Template, Variables},
};

/// The people part of a configuration: `{users, roles, quorum, expires_in}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PeopleConfig {
    /// Who may decide. Whoever has the permission `processes:approve` when nobody is named.
    pub assignees: AssigneesConfig,
    /// How many must say yes; 1 when absent.
    #[schemars(range(min = 1, max = 100))]
    pub quorum: Option<u32>,
    /// How long people have; for ever when absent. When it is over, nobody's answer counts as a no.
    pub expires_in: Option<Period>,
}

/// People and roles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssigneesConfig {
    /// Ids of users; templates.
    pub users: Vec<String>,
    /// Names of roles; templates.
    pub roles: Vec<String>,
}

/// Whom to ask, ready for rendering.
#[derive(Debug)]
pub struct People {
    users: Vec<Template>,
    roles: Vec<Template>,
    /// How many must say yes.
    pub quorum: u32,
    /// How long they have.
    pub expires_in: Option<Duration>,
}

impl People {
    /// Checks the part under a JSON pointer of the configuration.
    pub fn build(config: &PeopleConfig, path: &str, builder: &mut Builder<'_>) -> Option<Self> {
        let assignees = &config.assignees;
        let mut templates = |list: &[String], name: &str| {
            let parsed: Vec<_> = list
                .iter()
                .enumerate()
                .map(|(index, source)| builder.template(&format!("{path}/assignees/{name}/{index}"), source))
                .collect();
            parsed.into_iter().collect::<Option<Vec<_>>>()
        };
        let (users, roles) = (templates(&assignees.users, "users"), templates(&assignees.roles, "roles"));
        for (index, user) in assignees.users.iter().enumerate() {
            let literal = Template::parse(user).is_ok_and(|template| template.is_literal());
            if literal && user.parse::<UserId>().is_err() {
                let message = format!("`{user}` is no user id; write a UUID or a template that gives one");
                builder.problem(&format!("{path}/assignees/users/{index}"), message);
            }
        }
        if config.quorum == Some(0) {
            builder.problem(&format!("{path}/quorum"), "at least one person must say yes; write 1 or more");
        }
        let most = assignees.users.len();
        let wanted = config.quorum.unwrap_or(1) as usize;
        if assignees.roles.is_empty() && most > 0 && wanted > most {
            let message =
                format!("{wanted} people must say yes, and only {most} may; lower it or ask more people");
            builder.problem(&format!("{path}/quorum"), message);
        }
        Some(Self {
            users: users?,
            roles: roles?,
            quorum: config.quorum.unwrap_or(1),
            expires_in: config.expires_in.map(Period::as_duration),
        })
    }

    /// Who may decide in this run.
    pub fn assignees(&self, variables: &dyn Variables) -> Result<Vec<Assignee>> {
        let users = self.users.iter().map(|template| {
            let text = template.render_text(variables)?;
            let id = text.parse().map_err(|error: Error| {
                Error::invalid(format!("the assignee `{text}` is no user id")).caused_by(error)
            })?;
            Ok(Assignee::User { id })
        });
        let roles = self
            .roles
            .iter()
            .map(|template| template.render_text(variables).map(|name| Assignee::Role { name }));
        users.chain(roles).collect()
    }
}
