//! Teams and who belongs to them. [`Records`](crate::record::Records) of teams and memberships do the rest.

use super::Identity;
use crate::{
    error::Result,
    id::{ProjectId, TeamId, UserId},
    record::{MembershipRecord, Ownership, Position, ProjectRecord, Tags, TeamRecord},
    store::{Filter, MAX_PAGE, Query, Stored},
};

impl Identity {
    /// Makes a team. Needs `teams:write`.
    pub async fn create_team(&self, name: &str) -> Result<TeamId> {
        let id = TeamId::new(&self.cx);
        let team =
            TeamRecord { id, name: name.to_owned(), description: String::new(), tags: Tags::default() };
        self.records_of().create(&team).await?;
        Ok(id)
    }

    /// Makes a person a member of a team. Needs `teams:write`.
    pub async fn add_member(&self, team: TeamId, user: UserId, position: Position) -> Result<()> {
        self.records_of().create(&MembershipRecord::new(team, user, position)).await.map(drop)
    }

    /// Takes a person out of a team. Needs `teams:write`.
    pub async fn remove_member(&self, team: TeamId, user: UserId) -> Result<()> {
        let memberships = self.records_of::<MembershipRecord>();
        let stored = memberships.get(MembershipRecord::id_of(team, user)).await?;
        memberships.delete(stored.value.id, stored.version).await
    }

    /// The members of a team, at most 1,000. Needs `teams:read`.
    pub async fn members(&self, team: TeamId) -> Result<Vec<Stored<MembershipRecord>>> {
        let query = Query::new(Filter::eq("team", team.as_uuid())).limit(MAX_PAGE);
        Ok(self.records_of().list(&query).await?.records)
    }

    /// Makes a project that belongs to whoever makes it. Needs `projects:write`.
    pub async fn create_project(&self, name: &str) -> Result<ProjectId> {
        let id = ProjectId::new(&self.cx);
        let owner = Ownership::of(&self.cx).owner;
        self.records_of().create(&ProjectRecord { owner, ..ProjectRecord::new(id, name) }).await?;
        Ok(id)
    }
}
