//! Opens a database: connects, migrates, looks at the wall, and makes the pool.

use std::sync::{Arc, Mutex};

use agentforge_core::{
    context::{CallContext, Randomness},
    error::{Error, ErrorKind, Result},
    id::TenantId,
};
use sqlx::{Connection, PgConnection};
use tokio::sync::Notify;

use super::{
    Shared,
    error::translate,
    migrate::{Schema, look, migrate},
    options::{PostgresOptions, Target},
    pool::{Pool, connect},
    run,
    wall::check_wall,
};
use crate::{
    migration::MigrationPlan,
    sql::{Statements, control, dialect::POSTGRES},
};

/// The oldest server that this store works on.
const OLDEST: u32 = 140_000;

pub(super) async fn open(
    url: &str,
    options: PostgresOptions,
    random: &dyn Randomness,
    cx: &CallContext,
) -> Result<Arc<Shared>> {
    let Site { target, maker, schema } = Site::read(url, options, cx)?;
    let sql = Arc::new(Statements::new(POSTGRES, target.options.collections)?);
    let mut making = session(maker.as_ref().unwrap_or(&target), &target).await?;
    let cursors = migrate(&mut making, &sql, &schema, target.options.collections, cx, random).await;
    let mut using = match &maker {
        Some(_) if cursors.is_ok() => {
            end(making).await;
            session(&target, &target).await?
        }
        _ => making,
    };
    let whole = match cursors {
        Ok(_) => check_wall(&mut using, &sql, &schema, target.options.collections).await,
        Err(_) => Ok(()),
    };
    end(using).await;
    let cursors = cursors?;
    whole?;
    Ok(Arc::new(Shared {
        pool: Pool::new(&target, &schema.role),
        sql,
        cursors,
        written: Notify::new(),
        stop: Arc::new(Notify::new()),
        task: Mutex::new(None),
        #[cfg(feature = "host-transaction")]
        schema: schema.name,
        #[cfg(feature = "host-transaction")]
        role: schema.role,
    }))
}

/// What opening would do to the schema.
pub(super) async fn plan(url: &str, options: &PostgresOptions, cx: &CallContext) -> Result<MigrationPlan> {
    let Site { target, maker, schema } = Site::read(url, options.clone(), cx)?;
    let sql = Statements::new(POSTGRES, target.options.collections)?;
    let mut looking = session(maker.as_ref().unwrap_or(&target), &target).await?;
    let looked = look(&mut looking, &sql, &schema, target.options.collections).await;
    let walled = looked.as_ref().ok().and_then(|look| look.walled.as_deref());
    let whole = match (walled, &maker) {
        (Some(walled), None) => check_wall(&mut looking, &sql, &schema, walled).await,
        // Whether a user may take the role is seen as that user.
        (Some(walled), Some(_)) => {
            let mut using = session(&target, &target).await?;
            let whole = check_wall(&mut using, &sql, &schema, walled).await;
            end(using).await;
            whole
        }
        (None, _) => Ok(()),
    };
    end(looking).await;
    let plan = looked?.plan;
    whole.map(|()| plan)
}

/// Which schema of which database, who uses it, and who makes it when that is somebody else.
struct Site {
    target: Target,
    maker: Option<Target>,
    schema: Schema,
}

impl Site {
    fn read(url: &str, options: PostgresOptions, cx: &CallContext) -> Result<Self> {
        if !cx.scope().is_system() || cx.tenant() != TenantId::PLATFORM {
            return Err(Error::denied("only the system of the platform opens a store"));
        }
        let target = Target::read(url, options)?;
        let making = |url: &String| {
            Target::read(url, PostgresOptions { migration_url: None, ..target.options.clone() })
        };
        let maker = target.options.migration_url.as_ref().map(making).transpose()?;
        let schema = Schema {
            name: target.schema.clone(),
            role: target.schema.followed_by("_tenant"),
            user: target.connect.get_username().to_owned(),
        };
        Ok(Self { target, maker, schema })
    }
}

/// A connection that has not taken the role.
async fn session(target: &Target, store: &Target) -> Result<PgConnection> {
    let patience = store.options.wait_until_ready;
    let mut connection = connect(&target.connect, store.options.connect_timeout, patience).await?;
    if let Some(found) = connection.server_version_num().filter(|found| *found < OLDEST) {
        let message =
            format!("the database server is PostgreSQL {}; this store needs 14 or newer", found / 10_000);
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let begin = control::begin_session(&store.schema, None, store.options.statement_timeout);
    run::control(&mut connection, begin).await.map_err(translate)?;
    Ok(connection)
}

async fn end(connection: PgConnection) {
    // Everything on it was committed or is to be forgotten.
    let _ = connection.close().await;
}
