//! A few connections, opened as they are needed and lent to one call at a time.
//!
//! INVARIANT: a connection goes back only when nothing is open on it. A call that fails half-way or is dropped leaves
//! its connection to be closed, with which the server forgets its transaction and its tenant.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
};
use sqlx::{
    ConnectOptions, Connection, PgConnection, SqlStr,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{sleep, timeout},
};

use super::{
    error::{closed, is_lost, is_starting, is_unprotected, translate},
    options::{PostgresOptions, Target},
    run,
};
use crate::sql::{control, control::Name, template::Statement};

/// How often a read is tried on another connection when its own is lost.
const TRIES: u32 = 3;
/// How long a connection has to answer whether it is alive.
const PING: Duration = Duration::from_secs(2);

pub(super) struct Pool {
    connect: PgConnectOptions,
    /// What makes a new connection one of this store.
    session: SqlStr,
    options: PostgresOptions,
    idle: Mutex<Idle>,
    permits: Semaphore,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Held>,
    /// When a connection was last found lost: whatever was used before is asked whether it is alive.
    suspect: Option<Instant>,
}

/// A connection and what is known about it.
struct Held {
    connection: PgConnection,
    /// The tenant that its session is in; unknown while that changes.
    tenant: Option<TenantId>,
    born: Instant,
    used: Instant,
}

/// A connection of one's own, until it is given back or dropped.
pub(super) struct Lent<'a> {
    pool: &'a Pool,
    held: Held,
    _permit: SemaphorePermit<'a>,
}

impl Deref for Lent<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.held.connection
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.held.connection
    }
}

impl Lent<'_> {
    /// Returns a connection on which nothing is open.
    pub(super) fn give_back(self) {
        let Self { pool, mut held, .. } = self;
        held.used = Instant::now();
        pool.idle().connections.push(held);
    }

    /// Enters a tenant for statements outside of transactions.
    async fn enter(&mut self, tenant: TenantId) -> Result<(), sqlx::Error> {
        if self.held.tenant != Some(tenant) {
            self.held.tenant = None;
            run::control(&mut self.held.connection, control::enter(tenant)).await?;
            self.held.tenant = Some(tenant);
        }
        Ok(())
    }
}

impl Pool {
    /// A pool whose connections take a role.
    pub(super) fn new(target: &Target, role: &Name) -> Self {
        let options = target.options.clone();
        Self {
            connect: target.connect.clone(),
            session: control::begin_session(&target.schema, Some(role), options.statement_timeout),
            permits: Semaphore::new(options.pool_size as usize),
            options,
            idle: Mutex::default(),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, one that is in the tenant already when there is any.
    pub(super) async fn lend(&self, tenant: TenantId) -> Result<Lent<'_>> {
        let began = Instant::now();
        let permit = timeout(self.options.acquire_timeout, self.permits.acquire()).await;
        let permit = permit.map_err(|_| self.exhausted())?.map_err(|_| closed())?;
        while let Some((mut held, suspect)) = self.take(tenant) {
            let now = Instant::now();
            let rested = now.duration_since(held.used);
            if now.duration_since(held.born) > self.options.max_lifetime || rested > self.options.idle_timeout
            {
                continue;
            }
            if (rested > self.options.check_after || suspect)
                && !matches!(timeout(PING, held.connection.ping()).await, Ok(Ok(())))
            {
                continue;
            }
            return Ok(Lent { pool: self, held, _permit: permit });
        }
        let patience = self.options.acquire_timeout.saturating_sub(began.elapsed());
        let connection = connect(&self.connect, self.options.connect_timeout, patience).await?;
        let now = Instant::now();
        let mut lent = Lent {
            pool: self,
            held: Held { connection, tenant: None, born: now, used: now },
            _permit: permit,
        };
        run::control(&mut lent, self.session.clone()).await.map_err(translate)?;
        Ok(lent)
    }

    fn take(&self, tenant: TenantId) -> Option<(Held, bool)> {
        let mut idle = self.idle();
        let place = idle.connections.iter().rposition(|held| held.tenant == Some(tenant));
        let held = match place {
            Some(place) => idle.connections.remove(place),
            None => idle.connections.pop()?,
        };
        let suspect = idle.suspect.is_some_and(|since| held.used <= since);
        Some((held, suspect))
    }

    fn exhausted(&self) -> Error {
        let (size, waited) = (self.options.pool_size, self.options.acquire_timeout.as_secs_f64());
        Error::new(
            ErrorKind::Overloaded,
            format!("all {size} connections to the database were in use for {waited} s; raise `pool_size`, or call less"),
        )
        .with("pool_size", size)
    }

    /// Remembers that a connection was lost, so that the others are asked before they are used.
    pub(super) fn suspect(&self) {
        self.idle().suspect = Some(Instant::now());
    }

    /// Closes connections that rested too long.
    pub(super) fn prune(&self) {
        let (now, limit) = (Instant::now(), self.options.idle_timeout);
        self.idle().connections.retain(|held| now.duration_since(held.used) <= limit);
    }

    /// Every row of a statement.
    pub(super) async fn all(&self, cx: &CallContext, statement: Statement) -> Result<Vec<PgRow>> {
        cx.run(async {
            let mut tries = 0;
            loop {
                let mut lent = self.lend(cx.tenant()).await?;
                let found = match lent.enter(cx.tenant()).await {
                    Ok(()) => run::all(&mut lent, statement.clone()).await,
                    Err(error) => Err(error),
                };
                if let Some(found) = self.came(lent, found, &mut tries) {
                    return found;
                }
            }
        })
        .await
    }

    /// The first row of a statement, if there is one.
    pub(super) async fn first(&self, cx: &CallContext, statement: Statement) -> Result<Option<PgRow>> {
        cx.run(async {
            let mut tries = 0;
            loop {
                let mut lent = self.lend(cx.tenant()).await?;
                let found = match lent.enter(cx.tenant()).await {
                    Ok(()) => run::first(&mut lent, statement.clone()).await,
                    Err(error) => Err(error),
                };
                if let Some(found) = self.came(lent, found, &mut tries) {
                    return found;
                }
            }
        })
        .await
    }

    /// What a read came to; none when it is to be tried again, because its connection was lost.
    fn came<T>(&self, lent: Lent<'_>, found: Result<T, sqlx::Error>, tries: &mut u32) -> Option<Result<T>> {
        match found {
            Ok(found) => {
                lent.give_back();
                Some(Ok(found))
            }
            Err(error) if is_lost(&error) && *tries + 1 < TRIES => {
                *tries += 1;
                self.suspect();
                None
            }
            Err(error) => Some(Err(translate(error))),
        }
    }

    /// A connection beside those that are lent, for reads that belong together.
    pub(super) async fn own(&self, cx: &CallContext) -> Result<PgConnection> {
        if self.permits.is_closed() {
            return Err(closed());
        }
        cx.run(async {
            let (each, patience) = (self.options.connect_timeout, self.options.acquire_timeout);
            let mut connection = connect(&self.connect, each, patience).await?;
            run::control(&mut connection, self.session.clone()).await.map_err(translate)?;
            // Whoever reads may take a while between two pages.
            run::control(&mut connection, control::PATIENT).await.map_err(translate)?;
            Ok(connection)
        })
        .await
    }

    /// Waits for the calls that go on, refuses later ones, and closes every connection.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(self.options.pool_size).await {
            all.forget();
        }
        self.permits.close();
        let idle = std::mem::take(&mut self.idle().connections);
        for held in idle {
            // Nothing is open on it, so nothing can be lost.
            let _ = held.connection.close().await;
        }
    }
}

/// Connects, again and again while the server is not there and patience lasts.
pub(super) async fn connect(
    options: &PgConnectOptions,
    each: Duration,
    patience: Duration,
) -> Result<PgConnection> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let error = match timeout(each, options.connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        let patient = is_starting(&error) && began.elapsed() + pause < patience;
        if !patient {
            return Err(unreachable(options, error));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

fn unreachable(options: &PgConnectOptions, error: sqlx::Error) -> Error {
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let unreachable = match &error {
        error if is_unprotected(error) => Error::new(
            ErrorKind::Transport,
            format!(
                "the connection to the database server at {place} cannot be protected as `sslmode` demands; check \
                 its certificate and `sslrootcert`"
            ),
        )
        .never_retry(),
        sqlx::Error::Io(_) => Error::new(
            ErrorKind::Transport,
            format!("no database server answers at {place}; start it, or check host, port and firewall"),
        ),
        _ => return translate(error).with("server", place),
    };
    unreachable.caused_by(error).with("server", place)
}
